"""How many packages and megabytes an install is: the core, then each extra on top of it.

Builds the wheel, makes a new environment, and installs from the index as a user would. Counts
packages by their metadata (pip and setuptools are not ours), the bytes of all files in
site-packages, compiled ones included, as pip leaves them, and beside them the disk blocks they
take, which depend on the file system. Ends with 1 where the core is over its aim. Not part of the
tests.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AIM_PACKAGES, AIM_MB = 40, 55
EXTRAS = ("build", "gateway", "mcp", "evaluate", "train", "local")
ENVIRONMENTS_OWN = {"pip", "setuptools", "wheel"}


@dataclass(frozen=True)
class Size:
    """What is installed: packages, megabytes of files and of disk blocks, and seconds it took."""

    names: frozenset[str]
    mb: float
    disk_mb: float
    seconds: float


def main() -> int:
    """Install step by step and print a row for each."""
    with tempfile.TemporaryDirectory(prefix="masterplan-size-") as folder:
        place = Path(folder)
        wheel = build(place)
        venv = place / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        core = install(venv, str(wheel))
        print("| install | packages | MB | MB on disk | seconds |")
        print("| --- | ---: | ---: | ---: | ---: |")
        show("core", core)
        before = core
        for extra in EXTRAS:
            after = install(venv, f"{wheel}[{extra}]")
            added = after.names - before.names
            more = (after.mb - before.mb, after.disk_mb - before.disk_mb)
            show(f"+ [{extra}]", Size(added, *more, after.seconds))
            before = after
        show("all", Size(before.names, before.mb, before.disk_mb, 0))
        print("core:", ", ".join(sorted(core.names)))
        told = without_build(place, wheel)
        print("run without [build]:", told)
    is_small = len(core.names) <= AIM_PACKAGES and core.mb <= AIM_MB
    print(f"aim for the core: at most {AIM_PACKAGES} packages and {AIM_MB} MB:",
          "held" if is_small else "missed")  # fmt: skip
    return 0 if is_small and "masterplan[build]" in told else 1


def build(place: Path) -> Path:
    """Build the wheel."""
    command = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(place)]
    subprocess.run([sys.executable, *command], cwd=ROOT, check=True, capture_output=True)
    return next(place.glob("*.whl"))


def install(venv: Path, what: str) -> Size:
    """Install and measure."""
    started = time.monotonic()
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", what], check=True, stderr=subprocess.DEVNULL
    )
    seconds = time.monotonic() - started
    (site,) = (venv / "lib").glob("python*/site-packages")
    names = {path.name.split("-")[0].replace("_", "-").lower() for path in site.glob("*.dist-info")}
    own = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")
    paths = [p for p in site.rglob("*") if not p.relative_to(site).parts[0].startswith(own)]
    disk = sum(path.lstat().st_blocks for path in paths) * 512 / 1e6
    files = sum(path.lstat().st_size for path in paths if path.is_file()) / 1e6
    return Size(frozenset(names - ENVIRONMENTS_OWN), files, disk, seconds)


def without_build(place: Path, wheel: Path) -> str:
    """Return what ``masterplan run`` says in an environment that has the core only."""
    venv = place / "core"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    install(venv, str(wheel))
    brief = place / "brief.md"
    brief.write_text("Add two numbers.\n", "utf-8")
    done = subprocess.run(
        [venv / "bin" / "masterplan", "run", brief, "--yes"],
        cwd=place, env={"PATH": "/usr/bin:/bin", "HOME": str(place)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stderr.strip()


def show(what: str, size: Size) -> None:
    """Print a row."""
    seconds = f"{size.seconds:.0f}" if size.seconds else ""
    print(
        f"| {what} | {len(size.names)} | {size.mb:.1f} | {size.disk_mb:.1f} | {seconds} |",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
