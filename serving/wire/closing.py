"""Close a listening socket without resetting anyone who was already let in.

Between the last accept() and close() the kernel may complete one more handshake; closing would
reset it. A packet filter that drops everything is put before the socket first: who comes then
repeats its SYN and finds the port closed. (Linux; elsewhere the gap stays, microseconds wide.)
"""

import ctypes
import socket
import struct
from contextlib import suppress

_SO_ATTACH_FILTER = 26  # socket(7)
_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF_RET | BPF_K, 0 bytes of the packet


def let_nobody_in(listening: socket.socket) -> None:
    """Connections that wait to be accepted stay; new ones are not answered."""
    program = ctypes.create_string_buffer(_DROP_ALL)
    with suppress(OSError):
        listening.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program))
        )
