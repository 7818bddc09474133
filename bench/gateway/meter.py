"""What a gateway costs: instructions, CPU time and memory of its process and all it started.

Instructions come from ``perf``, or from ``valgrind`` where the machine shows no counters to perf;
then the gateway runs some fifty times slower, so only its count is told. Must not know gateways.
"""

import glob
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
EVENT = "instructions:u"
VALGRIND = (
    "valgrind",
    "--tool=callgrind",
    "--instr-atstart=no",
    "--trace-children=yes",
    "--callgrind-out-file={folder}/callgrind.%p",
)


def has_perf() -> bool:
    """True where perf can count instructions here."""
    if shutil.which("perf") is None:
        return False
    told = subprocess.run(
        ["perf", "stat", "-x,", "-e", EVENT, "true"], capture_output=True, text=True, check=False
    )
    return told.returncode == 0 and "not supported" not in told.stderr


@dataclass(frozen=True)
class Reading:
    """What a tree of processes has used so far; memory in bytes."""

    cpu_s: float
    memory_bytes: int


def tree(pid: int) -> list[int]:
    """The process and all that it started."""
    found = [pid]
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        for child in _read(path).split():
            found += tree(int(child))
    return found


def read(pids: list[int]) -> Reading:
    """Read user and system time and resident memory."""
    cpu = 0.0
    memory = 0
    for pid in pids:
        fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        cpu += sum(int(field) for field in fields[11:13]) / TICKS
        resident = re.search(r"VmRSS:\s+(\d+)", _read(f"/proc/{pid}/status"))
        memory += int(resident.group(1)) * 1024 if resident else 0
    return Reading(cpu, memory)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


class Perf:
    """Counts by the machine's own counters, at full speed."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "perf.csv"

    def wrap(self, pids: list[int], command: list[str]) -> list[str]:
        """The command that counts these processes while ``command`` runs."""
        whose = ",".join(str(pid) for pid in pids)
        return ["perf", "stat", "-x,", "-e", EVENT, "-p", whose, "-o", str(self._file), *command]

    def begin(self, pids: list[int]) -> None:
        """Nothing: perf begins with its command."""

    def end(self, pids: list[int]) -> float:
        """Instructions since ``begin``."""
        lines = self._file.read_text().splitlines()
        return sum(float(line.split(",")[0]) for line in lines if EVENT in line)


class Valgrind:
    """Counts by running every instruction in a simulator; the process must run under it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def wrap(self, pids: list[int], command: list[str]) -> list[str]:
        """The command as it is."""
        return command

    def begin(self, pids: list[int]) -> None:
        """Start counting from zero."""
        for pid in pids:
            _tell(pid, "instrumentation", "on")
            _tell(pid, "zero")

    def end(self, pids: list[int]) -> float:
        """Instructions since ``begin``; the profile stays beside the gateway's files."""
        before = set(self._folder.glob("callgrind.*"))
        for pid in pids:
            _tell(pid, "dump")
            _tell(pid, "instrumentation", "off")
        time.sleep(0.3)
        total = 0.0
        for path in set(self._folder.glob("callgrind.*")) - before:
            found = re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)
            total += float(found.group(1)) if found else 0
        return total


def _tell(pid: int, *words: str) -> None:
    subprocess.run(["vgdb", f"--pid={pid}", *words], capture_output=True, check=False, timeout=120)
