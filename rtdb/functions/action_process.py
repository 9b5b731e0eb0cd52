"""The action process: an action runner at the end of a link, under the watch of `loop_watch.py`.

Exit codes: 0 when told to end, or when the hub is gone; ``EXIT_SOFTWARE`` when something failed that is not the app's
fault, which the log then names.
"""

from __future__ import annotations

import io
import os
import sys
from functools import partial
from pathlib import Path

import msgspec
import structlog
import trio

from rtdb.blobstore.addresses import FileAddresses, UploadTokens
from rtdb.blobstore.store import BlobStore
from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import decode_config
from rtdb.errors import RtdbError
from rtdb.functions.action_runner import ActionRunner
from rtdb.functions.action_variables import VALUES_PATH
from rtdb.functions.app_loader import AppLoadError, load_app
from rtdb.functions.description import Description, decode_description, encode_description
from rtdb.functions.environment_context import built_in_variables
from rtdb.functions.fetch import Fetcher
from rtdb.functions.loop_watch import LoopWatch
from rtdb.functions.pulse import Pulse, open_pulse
from rtdb.functions.running_action import running_prints
from rtdb.functions.system.deployments import DEPLOYED_PATH
from rtdb.functions.typescript.actions import TypeScriptActions
from rtdb.link import frames
from rtdb.link.child import become_child, calm_collector, inherited_socket, limit_memory
from rtdb.link.link import FROM_HUB_BYTES_MAX, LinkClosed, Message, SocketLink
from rtdb.link.supervisor import EXIT_SOFTWARE
from rtdb.process_log import configure_process_log
from rtdb.typescript.module_set import read_module_set
from rtdb.typescript.networks import reach_of

__all__ = ["main"]

_log = structlog.get_logger("rtdb.actions")


class _ActionPrints(io.TextIOBase):
    """Standard output: what an action prints goes to its log, the rest to standard error."""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        return (running_prints.get() or sys.stderr).write(text)


async def run(link: SocketLink, pulse: Pulse) -> None:
    """Be the action runner on this link until it is drained. Raises LinkClosed when the hub is gone."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        start, *messages = await link.receive()
        assert isinstance(start, frames.RunnerStart)
        config = decode_config(start.config)
        configure_process_log("actions", config.log_level)
        limits = config.limits
        limit_memory(limits.action_memory_bytes_max)
        # What an error says about the memory there is.
        limits = msgspec.structs.replace(limits, runner_memory_bytes_max=limits.action_memory_bytes_max)
        sys.stdout = _ActionPrints()
        try:
            modules = read_module_set(Path(start.bundle))
            variables: dict[str, str] = {}
            deployed: Description | None = None
            if modules is not None:
                variables = await _ask_for_variables(link, start, messages)
                deployed = await _ask_for_description(link, start, messages)
            app = load_app(Path(start.bundle), limits, lambda: variables, lambda: deployed)
            if app.host is not None:
                # Queries and mutations are run elsewhere.
                app.host.close()
        except AppLoadError as error:
            link.send_nowait(frames.RunnerReady(description=b"", error=error.error))
        except RtdbError as error:
            link.send_nowait(
                frames.RunnerReady(description=b"", error=frames.ExecutionError(error.code, error.message))
            )
        else:
            LoopWatch(pulse, app.root).begin()
            calm_collector()
            link.send_nowait(frames.RunnerReady(description=encode_description(app.description)))
            runner = ActionRunner(
                app,
                limits,
                link,
                pulse,
                clock=SystemClock(),
                random=SystemRandom(),
                fetcher=Fetcher(limits, reach_of(config.action_networks_allowed)),
                blobs=BlobStore(config.data_dir, SystemRandom()),
                addresses=FileAddresses(start.cloud_url, UploadTokens(start.upload_key, config.instance_name)),
                built_in=built_in_variables(start.cloud_url, start.site_url),
                typescript=None if modules is None else TypeScriptActions(app, modules, config),
            )
            await runner.run(messages)
        # The outcome of the last action may be more than the socket takes at once.
        await link.wait_sent()
        nursery.cancel_scope.cancel()


async def _ask_for_variables(link: SocketLink, start: frames.RunnerStart, others: list[Message]) -> dict[str, str]:
    """Return the environment variables there are now, which modules may look at when they are imported."""
    result = await _ask(link, VALUES_PATH, others)
    read = [] if result is None else msgspec.json.decode(result, type=list[tuple[str, str | None]])
    values = {name: value for name, value in read if value is not None}
    return values | built_in_variables(start.cloud_url, start.site_url)


class _Deployed(msgspec.Struct):
    bundle: str
    description: str


async def _ask_for_description(
    link: SocketLink, start: frames.RunnerStart, others: list[Message]
) -> Description | None:
    """Return what the app was found to contain when it was deployed, None if it is not the one that is deployed."""
    result = await _ask(link, DEPLOYED_PATH, others)
    active = None if result is None else msgspec.json.decode(result, type=_Deployed | None)
    return None if active is None or active.bundle != start.deployment else decode_description(active.description)


async def _ask(link: SocketLink, path: str, others: list[Message]) -> bytes | None:
    """Return the result of a query of the server's, None if it has none; ``others`` is what the hub says meanwhile."""
    # No number of a call that an action makes.
    link.send_nowait(frames.CallRequest(0, "query", path, b"{}", None, True, None, None, frames.BY_SERVER))
    while True:
        answers: list[frames.Answer] = []
        for message in await link.receive():
            if isinstance(message, frames.Answer):
                answers.append(message)
            else:
                others.append(message)
        if answers:
            return answers[0].result


def main() -> None:
    """``python -m rtdb.functions.action_process LINK PARENT PULSE``, started by the action pool."""
    descriptor, parent, pulse_descriptor = map(int, sys.argv[1:4])
    become_child(parent, "rtdb-actions")
    # What code of the app writes past `sys.stdout` is not for whoever reads the server's standard output.
    os.dup2(sys.stderr.fileno(), 1)
    link = SocketLink(inherited_socket(descriptor), FROM_HUB_BYTES_MAX)
    try:
        trio.run(partial(run, link, open_pulse(pulse_descriptor)), strict_exception_groups=True)
    except BaseExceptionGroup as errors:
        if errors.split(LinkClosed)[1] is not None:
            _log.exception("the action runner failed")
            sys.exit(EXIT_SOFTWARE)


if __name__ == "__main__":
    main()
