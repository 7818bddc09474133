"""A client in a terminal of its own: what it shows, and what is typed."""

import asyncio
import fcntl
import os
import re
import struct
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

SIZE = struct.pack("HHHH", 50, 120, 0, 0)
LIMIT_S = 40
ESCAPES = re.compile(r"\x1b\[[0-9;?>=]*[a-zA-Z]|\x1b\][^\x07]*\x07|\x1b[()][A-Z0-9]|\x1b[=>78]")


class Terminal:
    """The master's side of a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = bytearray()

    @property
    def shown(self) -> str:
        """All that was shown, without escapes and white space: clients move the cursor instead."""
        return re.sub(r"\s", "", ESCAPES.sub("", self._seen.decode(errors="replace")))

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    async def until(self, is_so: Callable[[], bool], typing: str = "") -> None:
        """Wait until something is so; ``typing`` is typed once a second until then.

        A dialog that has just opened takes no key yet, so that none is meant for what was before.
        """
        for step in range(LIMIT_S * 20):
            if is_so():
                return
            if typing and step % 20 == 19:
                self.type(typing)
            await asyncio.sleep(0.05)
        raise AssertionError(f"it never came to that: {self.shown[-2000:]}")

    def read(self) -> None:
        try:
            self._seen += os.read(self._master, 65_536)
        except OSError:  # the other side is closed
            asyncio.get_running_loop().remove_reader(self._master)


@asynccontextmanager
async def terminal(env: dict[str, str], cwd: Path, *argv: str) -> AsyncIterator[Terminal]:
    """Run a program in a terminal; it is ended with the block."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, SIZE)
    child = await asyncio.create_subprocess_exec(
        *argv, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(slave)
    made = Terminal(master)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, made.read)
    try:
        yield made
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
        loop.remove_reader(master)
        os.close(master)
