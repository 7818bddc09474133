"""Tries to get out of a cage in every way it knows; prints one JSON object: probe → what it got.

Runs inside the cage on nothing but the standard library. A probe that raises was held; one that
returns got something out, and says what.
"""

from __future__ import annotations

import ctypes
import errno
import glob
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

TARGETS: dict[str, Any] = json.loads(sys.argv[1])
PROBES = {}
libc = ctypes.CDLL(None, use_errno=True)


class HeldError(Exception):
    """The cage held."""


def probe(function):
    PROBES[function.__name__] = function
    return function


def call(*words):
    """Make a system call or any C call; an error means held."""
    result = words[0](*words[1:])
    if result == -1:
        raise OSError(ctypes.get_errno(), "refused")
    return result


def need(found):
    if not found:
        raise HeldError
    return str(found)


@probe
def read_users_secret():
    return Path(TARGETS["secret"]).read_text()


@probe
def list_users_home():
    return need(os.listdir(TARGETS["home"]))


@probe
def read_ssh_keys():
    return need(
        [Path(p).read_bytes() for h in ("/root", "/home/*") for p in glob.glob(h + "/.ssh/*")]
    )


@probe
def list_root_home():
    return need([name for name in os.listdir("/root") if name not in (".pyenv", ".local")])


@probe
def list_homes():
    return need(os.listdir("/home"))


@probe
def read_shadow():
    return Path("/etc/shadow").read_text()


@probe
def read_users_of_the_machine():
    return need([line for line in Path("/etc/passwd").read_text().splitlines() if "root" in line])


@probe
def read_environment_secret():
    return need([value for value in os.environ.values() if "canary" in value])


@probe
def read_other_environments():
    found = []
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            found += [path] if b"canary" in Path(path).read_bytes() else []
        except OSError:
            continue
    return need(found)


@probe
def see_other_processes():
    lines = [Path(path).read_bytes() for path in glob.glob("/proc/[0-9]*/cmdline")]
    return need([line for line in lines if line == b"sleep\x0060\0"])


@probe
def read_parents_memory():
    with open(f"/proc/{TARGETS['pid']}/mem", "rb") as file:
        return file.read(1)


@probe
def read_files_by_proc_root():
    return Path(f"/proc/{TARGETS['pid']}/root{TARGETS['secret']}").read_text()


@probe
def read_files_by_proc_cwd():
    return next(
        Path(f"{place}/cwd/../user/secret").read_text() for place in glob.glob("/proc/[0-9]*")
    )


@probe
def follow_symlink_out():
    link = Path("link")
    link.unlink(missing_ok=True)
    link.symlink_to(TARGETS["secret"])
    return link.read_text()


@probe
def hard_link_out():
    os.link(TARGETS["secret"], "hard")
    return Path("hard").read_text()


@probe
def write_root():
    Path("/probe-was-here").write_text("x")
    return "written"


@probe
def write_usr():
    Path("/usr/probe-was-here").write_text("x")
    return "written"


@probe
def write_etc():
    Path("/etc/probe-was-here").write_text("x")
    return "written"


@probe
def write_interpreter():
    Path(sys.prefix, "probe-was-here").write_text("x")
    return "written"


@probe
def plant_pth():
    Path(next(p for p in sys.path if "site-packages" in p), "probe.pth").write_text("import os")
    return "written"


@probe
def write_cron():
    Path("/var/spool/cron/crontabs/root").write_text("* * * * * id\n")
    return "written"


@probe
def write_users_home():
    Path(TARGETS["home"], "probe-was-here").write_text("x")
    return "written"


@probe
def write_readonly_folder():
    Path(TARGETS["readonly"], "probe-was-here").write_text("x")
    return "written"


@probe
def truncate_users_secret():
    os.truncate(TARGETS["secret"], 0)
    return "truncated"


@probe
def remove_users_secret():
    os.unlink(TARGETS["secret"])
    return "removed"


@probe
def rename_users_secret():
    os.rename(TARGETS["secret"], TARGETS["secret"] + ".moved")
    return "renamed"


@probe
def change_mode_of_users_secret():
    os.chmod(TARGETS["secret"], 0o777)
    return need(os.stat(TARGETS["secret"]).st_mode & 0o077)


@probe
def change_times_of_users_secret():
    os.utime(TARGETS["secret"], (1, 1))
    return need(os.stat(TARGETS["secret"]).st_mtime == 1)


@probe
def change_owner_of_users_secret():
    os.chown(TARGETS["secret"], 7, 7)
    return need(os.stat(TARGETS["secret"]).st_uid == 7)


@probe
def read_git_of_worktree():
    return need(Path(".git").read_bytes())


@probe
def connect_loopback():
    socket.create_connection(("127.0.0.1", TARGETS["tcp"]), 2)
    return "connected"


@probe
def connect_loopback_v6():
    socket.create_connection(("::1", TARGETS["tcp6"]), 2)
    return "connected"


@probe
def connect_machines_address():
    socket.create_connection((TARGETS["address"], TARGETS["tcp"]), 2)
    return "connected"


@probe
def connect_outside():
    socket.create_connection(("192.0.2.1", 80), 1)
    return "connected"


@probe
def send_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"out", ("127.0.0.1", TARGETS["udp"]))
        sender.settimeout(0.3)
        sender.connect(("127.0.0.1", TARGETS["udp"]))
        sender.send(b"out")
        return need(sender.recv(10))


@probe
def resolve_name():
    return socket.getaddrinfo("example.org", 80)


@probe
def send_ping():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).sendto(
        b"\x08\0\0\0\0\0\0\0", ("192.0.2.1", 0)
    )
    return "sent"


@probe
def open_raw_socket():
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)


@probe
def open_packet_socket():
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)


@probe
def open_vsock():
    return socket.socket(40, socket.SOCK_STREAM)


@probe
def connect_abstract_socket():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + TARGETS["abstract"])
    return "connected"


@probe
def connect_path_socket():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(TARGETS["socket"])
    return "connected"


@probe
def connect_docker():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/var/run/docker.sock")
    return "connected"


@probe
def connect_bus():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/run/dbus/system_bus_socket")
    return "connected"


@probe
def use_inherited_descriptors():
    found = []
    for number in range(3, 200):
        try:
            name = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue
        except OSError:
            try:
                found.append(str(os.fstat(number)))
            except OSError:
                continue
        else:
            found += [] if "/proc/" in name else [name]
    return need(found)


@probe
def trace_a_child():
    pid = os.fork()
    if pid == 0:
        os.execv("/bin/sleep", ["sleep", "5"])
    try:
        return call(libc.ptrace, 16, pid, 0, 0)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@probe
def trace_the_parent():
    return call(libc.ptrace, 16, TARGETS["pid"], 0, 0)


@probe
def signal_the_victim():
    os.kill(TARGETS["victim"], signal.SIGKILL)
    return "killed"


@probe
def limit_the_victim():
    import resource

    resource.prlimit(TARGETS["victim"], resource.RLIMIT_CPU, (0, 0))
    return "limited"


@probe
def mount_something():
    return call(libc.mount, b"none", os.fsencode(os.getcwd()), b"tmpfs", 0, None)


@probe
def remount_usr():
    return call(libc.mount, b"none", b"/usr", None, 32 | 4096, None)


@probe
def make_user_namespace():
    return call(libc.unshare, 0x10000000)


@probe
def make_net_namespace_by_clone():
    flags, number = (
        0x40000000 | 0x10000000 | signal.SIGCHLD,
        56 if os.uname().machine == "x86_64" else 220,
    )
    pid = call(libc.syscall, number, flags, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid


@probe
def enter_parents_namespace():
    return call(libc.setns, os.open(f"/proc/{TARGETS['pid']}/ns/net", os.O_RDONLY), 0)


@probe
def become_root():
    os.setresuid(0, 0, 0)
    return need(Path("/proc/self/status").read_text().split("CapEff:\t")[1][:16].strip("0"))


@probe
def become_another_user():
    os.setresuid(4242, 4242, 4242)
    return "changed"


@probe
def gain_by_setuid_program():
    ran = subprocess.run(
        ["su", "-c", "id"], stdin=subprocess.DEVNULL, capture_output=True, timeout=5
    )
    if ran.returncode != 0:
        raise HeldError
    return ran.stdout


@probe
def change_root():
    os.chroot("/")
    return "changed"


@probe
def make_device():
    os.mknod("disk", 0o600 | 0o060000, os.makedev(254, 0))
    return "made"


@probe
def open_disk():
    return [open(path, "rb") for path in ("/dev/vda", "/dev/sda", "/dev/nvme0n1")]


@probe
def read_kernel_memory():
    return [open(path, "rb").read(1) for path in ("/dev/mem", "/dev/kmem", "/proc/kcore")]


@probe
def write_sysctl():
    path = Path("/proc/sys/kernel/core_uses_pid")
    path.write_text(path.read_text())
    return "written"


@probe
def press_sysrq():
    Path("/proc/sysrq-trigger").write_text("h")
    return "pressed"


@probe
def use_cgroups():
    return need(os.listdir("/sys/fs/cgroup"))


@probe
def load_bpf():
    return call(libc.syscall, 321 if os.uname().machine == "x86_64" else 280, 0, 0, 0)


@probe
def read_keyring():
    number = 250 if os.uname().machine == "x86_64" else 219
    return call(libc.syscall, number, 0, -3, 1)


@probe
def set_up_io_uring():
    return call(libc.syscall, 425, 8, ctypes.create_string_buffer(120))


@probe
def read_kernel_log():
    return call(libc.klogctl, 3, ctypes.create_string_buffer(100), 100)


@probe
def attach_shared_memory():
    key = call(libc.shmget, TARGETS["shm_key"], 0, 0)
    return f"segment {key}"


@probe
def read_shared_memory_file():
    return Path(TARGETS["shm_file"]).read_text()


@probe
def read_others_temp():
    return Path(TARGETS["temp_file"]).read_text()


@probe
def push_into_terminal():
    with open("/dev/tty", "w") as file:
        return call(libc.ioctl, file.fileno(), 0x5412, ctypes.c_char_p(b"x"))


@probe
def set_the_clock():
    return call(libc.settimeofday, ctypes.create_string_buffer(16), None)


@probe
def reboot():
    return call(libc.reboot, 0)


@probe
def map_writable_from_readonly():
    number = os.open(sys.executable, os.O_RDWR)
    return mmap.mmap(number, 10)


@probe
def raise_limits():
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, 1 << 40))
    return "raised"


@probe
def dump_core():
    import resource

    return need(resource.getrlimit(resource.RLIMIT_CORE)[1])


@probe
def signal_everyone():
    """Only processes of the cage may be hit; this one ignores it and the test looks at victims."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(-1, signal.SIGTERM)
    raise HeldError


def main() -> None:
    got = {}
    for name, function in PROBES.items():
        try:
            got[name] = f"ESCAPED {function()!r}"[:300]
        except (
            OSError,
            HeldError,
            IndexError,
            StopIteration,
            ValueError,
            subprocess.SubprocessError,
        ) as error:
            got[name] = (
                f"held: {error!r} {errno.errorcode.get(getattr(error, 'errno', 0) or 0, '')}"
            )
    print(json.dumps(got))


main()
