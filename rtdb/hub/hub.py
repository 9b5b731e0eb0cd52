"""The hub process: starts the committer, the runners, the action runners and the gateways, and keeps them going.

Who may end, and what happens then:

============  ========================================================================================================
a runner      the pool finds another place for its calls and starts a new one (`functions/runner_pool.py`)
an action     its actions fail, those it had not begun run elsewhere; the pool starts a new one
runner        (`functions/action_pool.py`)
a gateway     its clients reconnect to the other gateways; a new one is started on the same listening sockets
              (`hub/gateways.py`)
the committer the hub stops with a non-zero exit code, everything with it; ``serve`` starts it again on clean state
the hub       the kernel kills its children; ``serve`` starts it again
============  ========================================================================================================

This module knows processes and links; what the messages mean is the business of `application/`.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
import trio

from rtdb.application import FILE_STEPS, Application, ServerCallFailed, call_by_server
from rtdb.auth.derived_key import CURSOR_LABEL, ENVIRONMENT_LABEL, UPLOAD_LABEL, derive_key
from rtdb.auth.instance_secret import load_instance_secret
from rtdb.blobstore.collector import BlobCollector, CollectorStepFailed
from rtdb.blobstore.store import BlobStore
from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import Config, decode_config, encode_config
from rtdb.deploy.deploy_requests import DeployRequests
from rtdb.deploy.deployer import Deployer
from rtdb.deploy.preparation import DeployRefused
from rtdb.deploy.pushes import Pushes
from rtdb.errors import BadRequestError, RtdbError
from rtdb.functions.action_pool import ActionPool
from rtdb.functions.bundle import EMPTY, Bundle, read_bundle, replace_python
from rtdb.functions.bundle_store import BundleStore
from rtdb.functions.description import decode_description
from rtdb.functions.runner_handle import process_action_runners, process_runners
from rtdb.functions.runner_pool import RunnerPool
from rtdb.hub.gateways import Gateways
from rtdb.hub.listeners import Listeners
from rtdb.link import frames
from rtdb.link.child import become_child, calm_collector, inherited_socket
from rtdb.link.link import Link, LinkClosed, Message, SocketLink
from rtdb.link.supervisor import EXIT_CONFIGURATION, Child, start_child
from rtdb.process_log import configure_process_log
from rtdb.typescript.node_app import NodeApps

__all__ = ["Hub", "main"]

START_SECONDS_MAX = 60.0
ACTIONS_SHARE = 0.8
"""Of the time for a drain: how much of it actions have to end by themselves."""

_log = structlog.get_logger("rtdb.hub")


class HubFailure(Exception):
    """The hub cannot go on; ``code`` is the exit code, the message says why."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Hub:
    """One server's centre. ``run`` returns when it has been drained; raises HubFailure when it cannot go on."""

    def __init__(self, config: Config, listeners: list[socket.socket]) -> None:
        self._config = config
        self._listeners = Listeners(config, listeners)
        self._gateways = Gateways(config, self._listeners)
        self._secret = b""
        self._described = trio.Event()
        self._description = b""
        self._refused: frames.ExecutionError | None = None
        self._bundles = BundleStore(config.data_dir)
        self._node_apps = NodeApps(config.data_dir, config.node, config.limits)
        self._blobs = BlobStore(config.data_dir, SystemRandom())
        self._deployer: Deployer
        self._deploy_requests: DeployRequests
        self._first_blocks: list[Message] = []
        """Of the committer's own, when it had something to do before anybody asked it to."""
        self._committer_link: SocketLink
        self._committer: Child
        self._application: Application
        self._pool: RunnerPool
        self._action_pool: ActionPool

    async def run(self) -> None:
        config = self._config
        self._secret = load_instance_secret(config.data_dir, SystemRandom())
        given = None if config.functions is None else read_bundle(config.functions, config.limits)
        self._committer = start_child("rtdb.transaction.committer")
        self._committer_link = SocketLink(self._committer.socket, config.limits.frame_bytes_max)
        # Loading its code takes a gateway as long as everything before it is needed.
        self._gateways.start_ahead()
        try:
            async with trio.open_nursery() as nursery:
                opened = await self._start_committer(nursery)
                await self._prepare_blobs()
                with _start_deadline("the app was not loaded"):
                    running = await self._start_runners(nursery, opened, given or EMPTY)
                nursery.start_soon(self._tick)
                nursery.start_soon(self._collect_blobs)
                if running == opened.bundle:
                    # What was deployed last serves until what is to be deployed now is ready.
                    self._start_gateways(nursery)
                if given is not None or not opened.bundle:
                    await self._deploy(given or EMPTY)
                if running != opened.bundle:
                    self._start_gateways(nursery)
                nursery.start_soon(self._application.scheduler.run)
                with _start_deadline("a gateway did not come up"):
                    await self._gateways.wait_ready()
                with _start_deadline("no runner came up that runs queries"):
                    await self._pool.wait_able()
                calm_collector()
                with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                    # Whoever reads this may send a signal right away.
                    sys.stdout.write(self._listeners.announcement())
                    sys.stdout.flush()
                    async for _ in signals:
                        break
                await self._drain()
                nursery.cancel_scope.cancel()
        finally:
            self._gateways.end_unconnected()
            self._end_committer()

    # --- start --------------------------------------------------------------------------------------------------------

    async def _start_committer(self, nursery: trio.Nursery) -> frames.CommitterReady:
        """Wait for the committer to open the database."""
        link = self._committer_link
        link.queue(frames.CommitterStart(config=encode_config(self._config)))
        link.flush()
        try:
            ready, *self._first_blocks = await link.receive()
        except LinkClosed:
            # It has said why on standard error; a directory that cannot be used is not cured by starting again.
            code = self._committer.wait()
            raise HubFailure("the committer could not open the database", code if code > 0 else 1) from None
        assert isinstance(ready, frames.CommitterReady)
        nursery.start_soon(link.run)
        return ready

    async def _start_runners(self, nursery: trio.Nursery, opened: frames.CommitterReady, given: Bundle) -> str:
        """Start the runners on the active deployment's bundle, or if there is none on the one that is going to be;
        return which."""
        bundle_hash = opened.bundle
        if not bundle_hash or not self._bundles.is_stored(bundle_hash):
            if bundle_hash and self._config.functions is None:
                raise HubFailure(
                    f"the code of the deployed app is missing: {self._bundles.directory(bundle_hash)} does not exist. "
                    "Put it back from a backup, or deploy the app again with --functions.",
                    EXIT_CONFIGURATION,
                )
            bundle_hash = await trio.to_thread.run_sync(self._bundles.store, given)
        running = self._bundles.directory(bundle_hash)
        # A deploy that was cut short by the end of the server has left its bundle, whole or not.
        await trio.to_thread.run_sync(self._bundles.collect, {bundle_hash})
        await trio.to_thread.run_sync(self._node_apps.collect, [running])
        try:
            await trio.to_thread.run_sync(self._node_apps.prepare, running)
        except BadRequestError as error:
            raise HubFailure(f"the app cannot be loaded: {error.message}", EXIT_CONFIGURATION) from None
        except OSError as error:
            raise HubFailure(f"the app cannot be loaded: {error}", 1) from None
        limits = self._config.limits
        data_file = self._config.data_dir / "db" / "data.mdb"
        self._pool = RunnerPool(
            self,
            self._runner_start(bundle_hash),
            limits,
            start_runner=process_runners(limits.frame_bytes_max),
            file_bytes=lambda: data_file.stat().st_blocks * 512,
        )
        self._action_pool = ActionPool(self, limits, start_runner=process_action_runners(limits.frame_bytes_max))
        self._application = Application(
            self._config,
            SystemClock(),
            self._pool,
            self._action_pool,
            self._committer_link,
            opened,
            incarnation=SystemRandom().bytes(8).hex(),
        )
        nursery.start_soon(self._follow_committer)
        await nursery.start(self._pool.run)
        await nursery.start(self._action_pool.run)
        await self._described.wait()
        if self._refused is not None:
            raise HubFailure(
                f"the app cannot be loaded:\n{self._refused.message}\n{self._refused.frames}", EXIT_CONFIGURATION
            )
        description = decode_description(self._description)
        self._application.use_description(description)
        self._action_pool.use(self._runner_start(bundle_hash) if description.has_actions else None)
        self._deployer = Deployer(
            self._application,
            self._pool,
            self._action_pool,
            self._bundles,
            limits,
            nursery,
            runner_start=self._runner_start,
            bundle_hash=bundle_hash,
            description=self._description,
            node_apps=self._node_apps,
        )
        pushes = Pushes(self._deployer, self._bundles, limits, SystemClock(), SystemRandom())
        self._deploy_requests = DeployRequests(self._deployer, pushes, limits)
        return bundle_hash

    def _runner_start(self, bundle_hash: str) -> frames.RunnerStart:
        """Return what a runner of this bundle is told."""
        origins = self._listeners.origins()
        return frames.RunnerStart(
            config=encode_config(self._config),
            bundle=str(self._bundles.directory(bundle_hash)),
            deployment=bundle_hash,
            cursor_key=derive_key(self._secret, CURSOR_LABEL),
            environment_key=derive_key(self._secret, ENVIRONMENT_LABEL),
            upload_key=derive_key(self._secret, UPLOAD_LABEL),
            cloud_url=origins.cloud,
            site_url=origins.site,
        )

    async def _deploy(self, bundle: Bundle) -> None:
        """Deploy what the server was started with, the same way as a client's."""
        try:
            await self._deployer.deploy(
                lambda active: replace_python(active, bundle), lambda event: _log.debug("deploying", **event)
            )
        except DeployRefused as refused:
            message = f"the app cannot be deployed: {refused.error.message}\n{refused.error.frames}"
            raise HubFailure(message, EXIT_CONFIGURATION) from None

    def _start_gateways(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self._gateways.run, self._application, self._deploy_requests, self._secret)

    # --- RunnerOwner --------------------------------------------------------------------------------------------------

    def runner_described(self, description: bytes) -> None:
        self._description = description
        self._described.set()

    def runner_refused(self, error: frames.ExecutionError) -> None:
        self._refused = error
        self._described.set()

    def runner_ended(self) -> None:
        self._committer_link.queue(frames.ReaderCheck())

    def outcomes_handled(self) -> None:
        self._application.pump()

    # --- ActionOwner (and outcomes_handled) ---------------------------------------------------------------------------

    def action_requested(self, link: Link, request: frames.CallRequest | frames.FileStepRequest) -> None:
        self._application.action_requested(link, request)

    # --- committer ----------------------------------------------------------------------------------------------------

    async def _follow_committer(self) -> None:
        messages = self._first_blocks
        try:
            while True:
                for message in messages:
                    assert isinstance(message, frames.BlockApplied)
                    self._application.block_applied(message)
                self._application.pump()
                messages = await self._committer_link.receive()
        except LinkClosed:
            code = self._committer.wait()
            # Damage that it has come to is not cured by starting again.
            raise HubFailure(
                f"the committer ended (exit code {code})", EXIT_CONFIGURATION if code == EXIT_CONFIGURATION else 1
            ) from None

    def _end_committer(self) -> None:
        """Closing the link asks the committer to end; what it was sent is committed or not, never half."""
        self._committer_link.close()
        self._committer.wait()

    # --- files --------------------------------------------------------------------------------------------------------

    async def _prepare_blobs(self) -> None:
        try:
            await trio.to_thread.run_sync(self._blobs.prepare)
        except OSError as error:
            raise HubFailure(f"{error.filename} cannot be used: {error.strerror}", EXIT_CONFIGURATION) from None

    async def _collect_blobs(self) -> None:
        """Remove content that no file has any more. Its file work is done in threads, in turns of a millisecond."""

        async def take_step(step: str, arguments: dict[str, Any]) -> Any:
            try:
                return await call_by_server(self._application, f"{FILE_STEPS}:{step}", arguments)
            except ServerCallFailed as failed:
                raise CollectorStepFailed(failed.error.message) from None

        await BlobCollector(self._blobs, take_step, self._config.limits, SystemClock()).run()

    # --- time and end -------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        """Give the application the passing of time: retries that are due, entries nobody watches any more."""
        while True:
            await self._application.wait_due()
            self._application.tick()
            self._gateways.end_deaf()

    async def _drain(self) -> None:
        """Let the gateways finish: each ends when its sessions are closed and its requests answered.

        What nobody waits for any more is finished too: a client that was cut off sends it again, and need not.
        """
        _log.info("draining")
        seconds_max = self._config.limits.drain_seconds_max
        with trio.move_on_after(seconds_max):
            self._application.drain()
            with trio.move_on_after(seconds_max * ACTIONS_SHARE):
                await self._application.wait_idle()
                # Between its claim and its call, a scheduled action is no call under way.
                await self._application.scheduler.wait_idle()
            # While there still is time to tell who waits for them.
            self._action_pool.interrupt("the server is shutting down")
            await self._gateways.wait_ended()
            await self._application.wait_idle()
            await self._application.scheduler.wait_idle()


@contextmanager
def _start_deadline(complaint: str) -> Iterator[None]:
    try:
        with trio.fail_after(START_SECONDS_MAX):
            yield
    except trio.TooSlowError:
        raise HubFailure(f"{complaint} within {START_SECONDS_MAX:g} s") from None


def _read_config(sock: socket.socket) -> Config:
    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = sock.recv(count - len(data))
            if not part:
                sys.exit(1)
            data += part
        return data

    return decode_config(exactly(int.from_bytes(exactly(4), "big")))


def main() -> None:
    """``python -m rtdb.hub.hub LINK PARENT LISTENER…``, started by ``serve``."""
    descriptor, parent, *listeners = map(int, sys.argv[1:])
    become_child(parent, "rtdb-hub")
    config = _read_config(inherited_socket(descriptor))
    configure_process_log("hub", config.log_level)
    try:
        trio.run(Hub(config, [inherited_socket(number) for number in listeners]).run, strict_exception_groups=True)
    except* HubFailure as failures:
        failure = _first(failures)
        print(f"rtdb: {failure}", file=sys.stderr)
        sys.exit(failure.code)
    except* RtdbError as errors:
        print(f"rtdb: {errors.exceptions[0]}", file=sys.stderr)
        sys.exit(EXIT_CONFIGURATION)


def _first(group: BaseExceptionGroup[HubFailure]) -> HubFailure:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, HubFailure)
    return error


if __name__ == "__main__":
    main()
