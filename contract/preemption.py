"""The signals that ask work to stop where it can go on, and the exit status that says that it can.

The training obeys them (pipeline.training.stopping); `convnet repro`, in front of DVC, passes them
on.
"""

import signal

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
PREEMPTED = 75  # EX_TEMPFAIL of sysexits.h: the same command goes on
