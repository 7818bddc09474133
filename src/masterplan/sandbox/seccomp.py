"""Builds the system-call filter that every cage loads: what a build never needs is refused.

Pure: numbers in, BPF bytes out, for x86_64 and aarch64. Must not know how the filter is loaded.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass
from typing import Literal

Machine = Literal["x86_64", "aarch64"]
Rule = list[bytes]

_AUDIT_ARCH: dict[str, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _JEQ, _JSET, _JGE, _RET = 0x20, 0x15, 0x45, 0x35, 0x06
_NR, _ARCH, _ARGS = 0, 4, 16
_X32_BIT = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

# name: (x86_64, aarch64); None where the architecture has no such call.
_NEVER: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "vhangup": (153, 58),
    "move_pages": (279, 239),
    "iopl": (172, None),
    "ioperm": (173, None),
}

# Without namespaces of its own (Landlock) a process shares these with the whole machine.
_NEVER_SHARED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "inotify_add_watch": (254, 27),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "ioprio_set": (251, 30),
    "process_madvise": (440, 440),
}
# Landlock does not bound changes of mode, owner and times by path. A copy must not fail for it,
# so these do nothing and say that all is well; by open file (fchmod, futimens) they still work.
_NOTHING_SHARED: dict[str, tuple[int | None, int | None]] = {
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
}
# Calls that name another process by number; only oneself (0) is allowed.
_SELF_ONLY_FIRST: dict[str, tuple[int | None, int | None]] = {
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}
_LOCAL_FAMILIES = (1, 2, 10, 16)  # unix, inet, inet6, netlink: all of them namespaced


@dataclass(frozen=True)
class _Arch:
    machine: Machine

    def number(self, pair: tuple[int | None, int | None]) -> int | None:
        return pair[0] if self.machine == "x86_64" else pair[1]


def machine() -> Machine | None:
    """Name this machine's architecture, ``None`` where there is no filter for it."""
    name = platform.machine()
    if name == "x86_64":
        return "x86_64"
    return "aarch64" if name == "aarch64" else None


def build_filter(machine: Machine, *, has_namespaces: bool) -> bytes:
    """Return the filter's BPF program; without namespaces it also refuses every socket."""
    arch = _Arch(machine)
    program: Rule = [
        _op(_LOAD, _ARCH),
        _op(_JEQ, _AUDIT_ARCH[machine], 1, 0),
        _refuse(errno.ENOSYS),
        _op(_LOAD, _NR),
    ]
    if machine == "x86_64":
        program += [_op(_JGE, _X32_BIT, 0, 1), _refuse(errno.ENOSYS)]
    program += _always(arch, _NEVER, errno.EPERM)
    program += _always(arch, {"clone3": (435, 435)}, errno.ENOSYS)  # its flags cannot be seen
    program += _when(56 if machine == "x86_64" else 220, 0, [_op(_JSET, _NEW_NAMESPACES, 0, 1)])
    for request in (_TIOCSTI, _TIOCLINUX):
        program += _when(16 if machine == "x86_64" else 29, 1, [_op(_JEQ, request, 0, 1)])
    if has_namespaces:
        program += _unless(41 if machine == "x86_64" else 198, 0, _LOCAL_FAMILIES)
    else:
        program += _shared(arch)
    return b"".join([*program, _op(_RET, _ALLOW)])


def _shared(arch: _Arch) -> Rule:
    program = _always(arch, _NEVER_SHARED, errno.EPERM) + _always(arch, _NOTHING_SHARED, 0)
    utimensat = 280 if arch.machine == "x86_64" else 88
    # futimens passes no path (a null pointer, seen by both its halves); touch and Python do.
    program += [
        _op(_JEQ, utimensat, 0, 6),
        _op(_LOAD, _ARGS + 8),
        _op(_JEQ, 0, 0, 3),
        _op(_LOAD, _ARGS + 12),
        _op(_JEQ, 0, 0, 1),
        _op(_RET, _ALLOW),
        _refuse(0),
    ]
    for pair in _SELF_ONLY_FIRST.values():
        number = arch.number(pair)
        if number is not None:
            program += _unless(number, 0, (0,))
    return program + _unless(141 if arch.machine == "x86_64" else 140, 1, (0,))  # setpriority


def _always(arch: _Arch, calls: dict[str, tuple[int | None, int | None]], code: int) -> Rule:
    program: Rule = []
    for pair in calls.values():
        number = arch.number(pair)
        if number is not None:
            program += [_op(_JEQ, number, 0, 1), _refuse(code)]
    return program


def _when(number: int, argument: int, test: Rule) -> Rule:
    """Refuse a call if the test of its argument's low half holds (the test skips one if not)."""
    body = [_op(_LOAD, _ARGS + 8 * argument), *test, _refuse(errno.EPERM), _op(_LOAD, _NR)]
    return [_op(_JEQ, number, 0, len(body)), *body]


def _unless(number: int, argument: int, values: tuple[int, ...]) -> Rule:
    """Refuse a call unless the low half of its argument is one of the values."""
    tests = [_op(_JEQ, value, len(values) - i, 0) for i, value in enumerate(values)]
    body = [_op(_LOAD, _ARGS + 8 * argument), *tests, _refuse(errno.EPERM), _op(_LOAD, _NR)]
    return [_op(_JEQ, number, 0, len(body)), *body]


def _refuse(code: int) -> bytes:
    return _op(_RET, _ERRNO | code)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
