"""Close a listening socket without resetting anyone who was already let in.

Between the last accept() and close() the kernel may complete one more handshake; closing would
reset it. A packet filter that drops every first SYN is put before the socket: who comes then
repeats it and finds the port closed. Whoever sent one before is still let in: to drop the rest of
a handshake would leave a client that thinks it is connected. (Linux; elsewhere the gap stays,
microseconds wide.)
"""

import ctypes
import socket
import struct
from contextlib import suppress

_SO_ATTACH_FILTER = 26  # socket(7)
_FLAGS, _SYN, _ACK = 13, 0x02, 0x10  # in a TCP header (RFC 9293)
_DROP_FIRST_SYN = (  # classic BPF: code, jump if true, jump if false, operand
    (0x30, 0, 0, _FLAGS),  # load a byte
    (0x54, 0, 0, _SYN | _ACK),  # and
    (0x15, 0, 1, _SYN),  # equal, or skip one
    (0x06, 0, 0, 0),  # keep 0 bytes
    (0x06, 0, 0, 0xFFFFFFFF),  # keep all
)


def let_nobody_in(listening: socket.socket) -> None:
    """Connections and handshakes that have begun stay; new ones are not answered."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_FIRST_SYN)
    program = ctypes.create_string_buffer(code)
    with suppress(OSError):
        listening.setsockopt(
            socket.SOL_SOCKET,
            _SO_ATTACH_FILTER,
            struct.pack("HP", len(_DROP_FIRST_SYN), ctypes.addressof(program)),
        )
