"""Probes of every kind run inside each cage; not one may get anything out or anywhere."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shlex
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from masterplan.core.errors import CageError
from masterplan.sandbox import Cage, CageJob, Limits, find_cage

SCRIPT = Path(__file__).with_name("probes.py").read_text()
CANARY = "canary-7f3a"
MAY_BE_SEEN = {
    "landlock": {
        # Without mounts ``.git`` cannot be covered; the cage puts it back afterwards.
        "read_git_of_worktree",
    }
}
libc = ctypes.CDLL(None)


def cage_named(name: str) -> Cage:
    try:
        return find_cage(among=(name,))
    except CageError as error:
        pytest.skip(f"no {name} here: {error.message}")


class World:
    """What a probe may find on this machine: servers, secrets, processes, open files."""

    def __init__(self, folder: Path) -> None:
        self.home, self.work = folder / "user", folder / "work"
        self.readonly = folder / "readonly"
        for path in (self.home, self.work, self.readonly):
            path.mkdir()
        self.secret = self.home / "secret"
        self.secret.write_text(CANARY)
        self.secret.chmod(0o600)
        (self.work / ".git").write_text(f"gitdir: {CANARY}\n")
        (self.work / "probes.py").write_text(SCRIPT)
        self.tcp, self.tcp6, self.udp = socket.socket(), socket.socket(socket.AF_INET6), None
        self.tcp.bind(("0.0.0.0", 0))
        with contextlib.suppress(OSError):
            self.tcp6.bind(("::1", 0))
            self.tcp6.listen()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)
        self.abstract, self.path = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        name = f"masterplan-{uuid.uuid4()}"
        self.abstract.bind(f"\0{name}")
        self.short = tempfile.TemporaryDirectory()
        self.path.bind(f"{self.short.name}/s")
        for server in (self.tcp, self.abstract, self.path):
            server.listen()
            server.setblocking(False)
        self.victim = subprocess.Popen(["sleep", "60"], env={"SECRET": CANARY})
        self.shm_key = uuid.uuid4().int & 0x7FFFFFFF
        self.shm = libc.shmget(self.shm_key, 4096, 0o1600)
        self.temp_file = Path(self.short.name, "temp")
        self.shm_file = Path("/dev/shm", name)
        for path in (self.temp_file, self.shm_file):
            path.write_text(CANARY)
        self.leak = os.open(self.secret, os.O_RDWR)
        os.set_inheritable(self.leak, True)
        self.targets: dict[str, Any] = {
            "home": str(self.home),
            "secret": str(self.secret),
            "readonly": str(self.readonly),
            "pid": os.getpid(),
            "victim": self.victim.pid,
            "tcp": self.tcp.getsockname()[1],
            "tcp6": self.tcp6.getsockname()[1],
            "udp": self.udp.getsockname()[1],
            "address": socket.gethostbyname(socket.gethostname()),
            "abstract": name,
            "socket": f"{self.short.name}/s",
            "shm_key": self.shm_key,
            "shm_file": str(self.shm_file),
            "temp_file": str(self.temp_file),
        }

    def touched(self) -> list[str]:
        """Name what was reached or changed from inside."""
        found = [] if self.secret.read_text() == CANARY else ["secret"]
        found += [] if self.victim.poll() is None else ["victim"]
        found += [str(path) for path in self.readonly.iterdir()]
        for name in ("tcp", "abstract", "path"):
            with contextlib.suppress(BlockingIOError):
                getattr(self, name).accept()
                found.append(name)
        with contextlib.suppress(BlockingIOError):
            found.append(str(self.udp.recv(100)))
        return found

    def close(self) -> None:
        self.victim.kill()
        self.victim.wait()
        for server in (self.tcp, self.tcp6, self.udp, self.abstract, self.path):
            server.close()
        libc.shmctl(self.shm, 0, None)
        os.close(self.leak)
        self.shm_file.unlink()
        self.short.cleanup()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("MY_API_KEY", CANARY)
    world = World(tmp_path)
    yield world
    world.close()


async def probe(cage: Cage, world: World) -> dict[str, str]:
    job = CageJob(world.work, (world.work,), (world.readonly,), limits=Limits(wall_s=40))
    command = f"exec python probes.py {shlex.quote(json.dumps(world.targets))}"
    result = await cage.run(command, job=job)
    assert result.outcome == "passed", result.output
    return json.loads(result.output.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["bubblewrap", "landlock"])
async def test_cage_when_probed_in_every_way_then_nothing_escapes(name: str, world: World) -> None:
    got = await probe(cage_named(name), world)
    assert len(got) >= 40
    escaped = {probe: what for probe, what in got.items() if what.startswith("ESCAPED")}
    assert {p: w for p, w in escaped.items() if p not in MAY_BE_SEEN.get(name, ())} == {}
    assert world.touched() == []
    assert (world.work / ".git").read_text() == f"gitdir: {CANARY}\n"


async def test_probes_when_there_is_no_cage_then_do_get_out(world: World) -> None:
    # A probe that cannot succeed proves nothing. Those that would harm the machine are left out.
    harmful = {
        *("write_root", "write_usr", "write_etc", "write_interpreter", "plant_pth", "write_cron"),
        *("signal_everyone", "reboot", "set_the_clock", "write_sysctl", "press_sysrq"),
        *("remount_usr", "mount_something", "load_bpf", "connect_outside", "become_another_user"),
        *("trace_the_parent", "truncate_users_secret", "remove_users_secret"),
        *("rename_users_secret", "signal_the_victim", "limit_the_victim", "change_root"),
        *("enter_parents_namespace", "make_user_namespace", "resolve_name", "send_ping"),
    }
    keep = f"\nfor name in {harmful!r}:\n    del PROBES[name]\n\n\nmain()"
    (world.work / "probes.py").write_text(SCRIPT.replace("\n\n\nmain()", keep))
    got = await probe(find_cage(allow_unsafe=True), world)
    escaped = {probe for probe, what in got.items() if what.startswith("ESCAPED")}
    assert escaped >= {
        *("read_users_secret", "list_users_home", "read_other_environments", "connect_loopback"),
        *("connect_abstract_socket", "connect_path_socket", "follow_symlink_out", "hard_link_out"),
        *("write_users_home", "read_files_by_proc_root", "write_readonly_folder"),
        *("change_mode_of_users_secret", "read_shared_memory_file", "read_others_temp"),
        *("read_git_of_worktree", "attach_shared_memory", "see_other_processes"),
    }
    assert "read_environment_secret" not in escaped
    assert "use_inherited_descriptors" not in escaped


async def test_socket_when_its_folder_is_shown_then_that_one_is_reached_and_no_other(
    tmp_path: Path,
) -> None:
    cage = cage_named("bubblewrap")
    work, shown, hidden = (tmp_path / name for name in ("work", "shown", "hidden"))
    servers = []
    try:
        for folder in (work, shown, hidden):
            folder.mkdir()
        for folder in (shown, hidden):
            server = socket.socket(socket.AF_UNIX)
            server.bind(os.path.relpath(folder / "s"))
            server.listen()
            servers.append(server)
        code = (
            "import socket, sys\n"
            "for path in sys.argv[1:]:\n"
            "    try:\n"
            "        socket.socket(socket.AF_UNIX).connect(path)\n"
            "        print('reached')\n"
            "    except OSError as error:\n"
            "        print(type(error).__name__)\n"
        )
        (work / "try.py").write_text(code)
        job = CageJob(work, readonly=(shown,), limits=Limits(wall_s=20))
        result = await cage.run(f"python try.py {shown}/s {hidden}/s", job=job)
        assert result.output.split() == ["reached", "FileNotFoundError"]
    finally:
        for server in servers:
            server.close()
