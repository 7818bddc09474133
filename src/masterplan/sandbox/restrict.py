"""What a process does to itself before it becomes the caged command: it can only give up power.

Resource limits, capabilities, Landlock and the system-call filter, by ctypes and nothing else:
it runs in a bare interpreter. Must not know what is caged or why.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from collections.abc import Sequence

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 1, 22, 24
_PR_SET_SECUREBITS, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 28, 36, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_SECCOMP_MODE_FILTER = 2
_NO_ROOT_LOCKED = 0b1111  # NOROOT and NO_SETUID_FIXUP, both locked
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446

LANDLOCK_ABI = 6
"""The first Landlock that also keeps signals and abstract sockets inside."""

_READ = 0b1101  # execute, read a file, read a folder
_READ_FILE = 0b0101
_ALL_FS = (1 << 16) - 1
_WRITE_DEVICE = (1 << 1) | (1 << 2)
_NO_NODES = ~((1 << 6) | (1 << 11) | (1 << 15))  # no device nodes, no device ioctl
_ALL_NET = 0b11
_ALL_SCOPES = 0b11

_libc = ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """Return the kernel's Landlock version, 0 where there is none."""
    return max(int(_libc.syscall(_CREATE_RULESET, None, 0, 1)), 0)


def become_subreaper() -> None:
    """Make orphans of this process's tree its own children, so that none can get away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Be killed when the parent dies."""
    _prctl(_PR_SET_PDEATHSIG, 9)


def set_limits(limits: dict[str, int]) -> None:
    """Set resource limits by name (``"FSIZE": bytes``); never above what is already allowed."""
    for name, value in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(which)
        top = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # A soft CPU limit a second below the hard one lets the command see SIGXCPU.
        grace = top + 1 if name == "CPU" and (hard == resource.RLIM_INFINITY or hard > top) else top
        resource.setrlimit(which, (top, grace))


def drop_capabilities(machine: str) -> None:
    """Give up every capability, for good, also for user 0."""
    if os.geteuid() == 0:
        _prctl(_PR_SET_SECUREBITS, _NO_ROOT_LOCKED)
        for capability in range(64):
            if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                break
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("<Ii", 0x20080522, 0)
    _check(_libc.syscall(_CAPSET[machine], header, struct.pack("<6I", *([0] * 6))))


def enter_landlock(
    readable: Sequence[str], writable: Sequence[str], devices: Sequence[str]
) -> None:
    """Let this process see and change only these paths, connect nowhere, signal only its own."""
    attr = struct.pack("<QQQ", _ALL_FS, _ALL_NET, _ALL_SCOPES)
    ruleset = _check(_libc.syscall(_CREATE_RULESET, attr, len(attr), 0))
    for paths, access in (
        (readable, _READ),
        (writable, _ALL_FS & _NO_NODES),
        (devices, _WRITE_DEVICE),
    ):
        for path in paths:
            _allow(ruleset, path, access)
    no_new_privileges()
    _check(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def no_new_privileges() -> None:
    """Make setuid programs powerless from here on."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def load_filter(program: bytes) -> None:
    """Load a system-call filter for this process and all it will start."""
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    value = Program(len(program) // 8, ctypes.addressof(buffer))
    _check(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(value), 0, 0))


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there need not be allowed
    try:
        if not os.path.isdir(path):
            access &= _READ_FILE | _WRITE_DEVICE | (1 << 14)
        rule = struct.pack("<Qi", access, handle)
        _check(_libc.syscall(_ADD_RULE, ruleset, 1, rule, 0))
    finally:
        os.close(handle)


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0))


def _check(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
