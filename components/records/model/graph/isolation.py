"""Takes the network from a process, for good: it can open no socket any more.

By a filter of system calls (seccomp(2), mode 2), which needs no privileges and which children inherit. It is
the second wall around queries: the first, `syntax`, reads their text.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

_NO_NEW_PRIVS, _SECCOMP, _FILTER = 38, 22, 2  # <linux/prctl.h>, <linux/seccomp.h>
_ALLOW, _DENY = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO
_KILL = 0x80000000  # SECCOMP_RET_KILL_PROCESS
_LOAD, _EQUAL, _GREATER, _RETURN = 0x20, 0x15, 0x35, 0x06  # of <linux/bpf_common.h>: ld, jeq, jge, ret
_NUMBER, _ARCHITECTURE = 0, 4  # offsets in struct seccomp_data
_X32 = 0x40000000  # where x86-64 numbers the calls of another ABI
# The architecture's number for audits, and its numbers of socket, connect, io_uring_setup, ptrace, bpf.
_MACHINES = {
    "x86_64": (0xC000003E, (41, 42, 425, 101, 321)),
    "aarch64": (0xC00000B7, (198, 203, 425, 117, 280)),
}
_EPERM = 1


def available() -> bool:
    """Return whether this system can take the network from a process."""
    return sys.platform == "linux" and platform.machine() in _MACHINES


def leave_network() -> bool:
    """Have this process open no socket from now on; sockets that it holds stay. Returns `available()`.

    What tries gets EPERM. Raises `OSError` where the system has the call and refuses it.
    """
    if not available():
        return False
    architecture, calls = _MACHINES[platform.machine()]
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_GREATER, len(calls) + 1, 0, _X32),
        *((_EQUAL, len(calls) - place, 0, call) for place, call in enumerate(calls)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY | _EPERM),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    described = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))  # struct sock_fprog
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((_NO_NEW_PRIVS, 1, 0, 0, 0), (_SECCOMP, _FILTER, described, 0, 0)):
        if libc.prctl(*arguments):
            number = ctypes.get_errno()
            raise OSError(number, f"prctl({arguments[0]}): {os.strerror(number)}")
    return True
