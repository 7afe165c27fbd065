"""What a process of ours gives up at its start: it reads files and computes, whatever a library in it is made to do.

Plain system calls, since none of this has a package that is worth one. What a system does not have is left out; `companion
doctor` says what holds. Must run before the first thread: Linux confines a thread and those it starts.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from companion.memory import keep_to_ourselves

MEMORY_BYTES = 8 * 2**30
"""Most address space; a smaller computer's memory is the limit, but not below `LEAST_MEMORY_BYTES`."""
LEAST_MEMORY_BYTES = 4 * 2**30
JOB_CPU_S = 2 * 3600
"""Processor time that the process may use after the beginning of a job: an hour of speech on a slow computer."""
OPEN_FILES = 256

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
_SOCKET_CALLS: Mapping[str, tuple[int, int]] = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""Machine -> how the kernel names it, and the number of `socket`."""
_IO_URING_SETUP = 425
_FIRST_X32_CALL = 0x40000000
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13
"""The call happens; it fails with EACCES."""

_CREATE_RULES, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_WRITE_FILE = 1 << 1
_WRITING = {1: 0b1_1111_1111_0010, 2: 1 << 13, 3: 1 << 14}
"""Landlock's version -> the rights to change files that came with it."""
WRITABLE = ("/dev/null", "/dev/shm")
"""All that may be written to."""


def confine(*, memory_bytes: int = 0, cpu_s: int = JOB_CPU_S) -> tuple[str, ...]:
    """Gives up what nobody needs who only computes; returns what holds now, in words for `companion doctor`.

    Args:
        memory_bytes: most address space; 0: what engines need.
        cpu_s: processor time until the process is ended.
    """
    measures: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("no core dumps", lambda: _limit("RLIMIT_CORE", 0) and keep_to_ourselves()),
        ("a limit to memory", lambda: _limit("RLIMIT_AS", memory_bytes or _memory())),
        ("a limit to processor time", lambda: grant_cpu_time(cpu_s)),
        ("a limit to open files", lambda: _limit("RLIMIT_NOFILE", OPEN_FILES)),
        ("no network", _give_up_network),
        ("no writing of files", _give_up_writing),
    )
    return tuple(words for words, take in measures if take())


def grant_cpu_time(seconds: int = JOB_CPU_S) -> bool:
    """A job begins: the process may compute so much more and is ended when it does not stop."""
    used = sum(os.times()[:2])
    return _limit("RLIMIT_CPU", int(used) + seconds, is_final=False)


def _limit(name: str, most: int, *, is_final: bool = True) -> bool:
    if sys.platform == "win32":
        return False
    import resource

    with suppress(AttributeError, ValueError, OSError):  # not on this system, or there is a lower one
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (soft, soft if is_final else hard))
        return True
    return False


def _memory() -> int:
    try:
        present = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        present = MEMORY_BYTES
    return max(LEAST_MEMORY_BYTES, min(MEMORY_BYTES, present))


def _give_up_network() -> bool:
    """Refuses every new socket, and the other way to one, with a filter of system calls (seccomp)."""
    known = _SOCKET_CALLS.get(os.uname().machine) if sys.platform == "linux" else None
    if known is None or sys.maxsize < 2**32:
        return False
    machine, socket = known
    steps = (
        (_LOAD, 0, 0, 4),  # of which machine the call is
        (_IF_EQUAL, 0, 5, machine),
        (_LOAD, 0, 0, 0),  # its number
        (_IF_AT_LEAST, 3, 0, _FIRST_X32_CALL),
        (_IF_EQUAL, 2, 0, socket),
        (_IF_EQUAL, 1, 0, _IO_URING_SETUP),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(steps), ctypes.addressof(code)))
    library = ctypes.CDLL(None)
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(library.prctl(_SET_SECCOMP, _FILTER, program, 0, 0) == 0)


def _give_up_writing() -> bool:
    """Refuses to make, change, rename or remove any file but `WRITABLE` (Landlock)."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return False
    library = ctypes.CDLL(None)
    call = library.syscall
    call.argtypes, call.restype = [ctypes.c_long] * 5, ctypes.c_long
    version = call(_CREATE_RULES, 0, 0, 1, 0)
    if version < 1:
        return False
    rights = sum(right for since, right in _WRITING.items() if since <= version)
    wanted = ctypes.create_string_buffer(struct.pack("Q", rights), 8)
    rules = call(_CREATE_RULES, ctypes.addressof(wanted), 8, 0, 0)
    if rules < 0:
        return False
    try:
        for path in WRITABLE:
            _allow(call, rules, path, rights)
        library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(call(_RESTRICT_SELF, rules, 0, 0, 0) == 0)
    finally:
        os.close(rules)


def _allow(call: Callable[..., int], rules: int, path: str, rights: int) -> None:
    with suppress(OSError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            of_file = _WRITE_FILE | 1 << 14  # a file can only be written and cut
            mine = rights if os.path.isdir(path) else rights & of_file
            rule = ctypes.create_string_buffer(struct.pack("=Qi", mine, place), 12)
            call(_ADD_RULE, rules, 1, ctypes.addressof(rule), 0)
        finally:
            os.close(place)
