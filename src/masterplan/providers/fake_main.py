"""The scripted provider as a program of its own, for trying policies and for crash tests.

Says its address as one JSON line and serves until it is stopped; ``GET /__fake/state`` gives the
oracle's counts. Must not know how answers are made.
"""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import click

from masterplan.core.errors import MasterplanError
from masterplan.providers.fake import FakeProvider, Script, load_script


@click.command()
@click.option("--port", default=0, help="Port on 127.0.0.1; 0 takes a free one.")
@click.option(
    "--script",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="JSON file of rules; without it everything is answered `ok`.",
)
def main(port: int, path: Path | None) -> None:
    """Serve the scripted provider on loopback."""
    try:
        script: Script = () if path is None else load_script(path)
    except MasterplanError as error:
        raise click.ClickException(str(error)) from None
    asyncio.run(_serve(script, port))


async def _serve(script: Script, port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    async with FakeProvider(script, port=port) as fake:
        click.echo(json.dumps({"base_url": fake.base_url}))
        await stopped.wait()
