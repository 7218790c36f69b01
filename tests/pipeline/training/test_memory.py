"""What a training step frees stays with the process."""

import subprocess
import sys

SCRIPT = """
import resource, torch
from pipeline.training.memory import keep_freed_memory
assert keep_freed_memory()
def faults(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        maps = [torch.zeros(2_400_000) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(6)
print(faults(20))
"""


def test_no_page_is_asked_for_again() -> None:
    """After the first steps, less than a tenth of a step's 9,400 pages is faulted in again."""
    printed = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    assert int(printed.stdout) < 20 * 940
