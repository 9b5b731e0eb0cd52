"""The process that runs actions written in TypeScript, for an action process, which does not wait for one thing alone.

One Deno process, or one of Node for modules that say "use node", and many calls in it at once. Either side speaks when
it has something to say (`javascript/action_host.js` has the frames)::

    invoke, answer ─▶ begin ─▶ request … answer ─▶ returned | threw
                               log, head, chunks of bodies both ways

What the app's code does can block the process or end it. Then every call that was under way in it fails, and the owner
starts another. It knows no function of the app by name, and not what the requests mean.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec
import structlog
import trio

from rtdb.config import MIB, Limits
from rtdb.typescript.action_calls import (
    ActionHostDied,
    ActionThrew,
    HostProcess,
    HttpHead,
    HttpRequest,
    Read,
    Refusal,
    ResultTooLarge,
    Syscalls,
    Variables,
    start_header,
)
from rtdb.typescript.deno import DenoUnavailable, ending_of
from rtdb.typescript.host_bodies import Bodies, BodyBrokenError
from rtdb.typescript.host_channel import Frame, HostChannel, HostGarbledError
from rtdb.typescript.stack import SourceMaps
from rtdb.typescript.thrown import describe

__all__ = ["ActionHost"]

PING_SECONDS: Final = 0.5
"""How often a process with calls is asked whether it is still there."""

STALL_SECONDS: Final = 0.1
"""A look at a process that comes later than this says that this process had no time itself."""

HEAP_SHARE_MAX: Final = 0.5
"""Of the memory that a process may have for JavaScript: with more in use when a call ends it gets no others."""

_STRAYS_MAX: Final = 100
"""Lines that one process may have in the server's log, of code that belongs to no call any more."""

_log = structlog.get_logger("rtdb.actions")
_encoder = msgspec.json.Encoder()


class _Call:
    """A call that is under way: what it has come to is in ``result`` or ``failure`` when ``ended`` is set."""

    def __init__(self, nursery: trio.Nursery, syscalls: Syscalls, bodies: Bodies) -> None:
        self.nursery = nursery
        self.syscalls = syscalls
        self.ended = trio.Event()
        self.result = b""
        self.failure: Exception | None = None
        self.head: HttpHead | None = None
        self.head_sent = trio.Event()
        self.requests = 0
        """Those that are not answered."""
        self._bodies = bodies
        self._received: set[int] = set()

    def end(self, result: bytes, failure: Exception | None = None) -> None:
        if not self.ended.is_set():
            self.result, self.failure = result, failure
            self.ended.set()
            self.head_sent.set()
            if failure is not None:
                # Nobody sends them any more, and who reads one would wait for it.
                for body in self._received:
                    self._bodies.fail(body, "the action that sends it has ended")

    def drop_bodies(self) -> None:
        for body in self._received:
            self._bodies.drop(body)

    # --- CallBodies ---------------------------------------------------------------------------------------------------

    def send(self, read: Read) -> int:
        return self._bodies.send_to_host(self.nursery, read)

    def receive(self, body: int) -> Read:
        self._received.add(body)
        return self._bodies.receive_from_host(body)

    def drop(self, body: int) -> None:
        self._received.discard(body)
        self._bodies.drop(body)


class ActionHost:
    """One process and the calls in it. ``name`` is for the log: of what kind it is."""

    def __init__(
        self, limits: Limits, maps: SourceMaps, start_process: Callable[[], HostProcess], *, name: str = "deno"
    ) -> None:
        self._limits = limits
        self._maps = maps
        self._start_process = start_process
        self._name = name
        self._calls: dict[int, _Call] = {}
        self._variables: Variables = {}
        self._channel = HostChannel(self._handle, limits.frame_bytes_max)
        self._bodies = Bodies(self._channel.send, limits.http_action_window_bytes)
        self._hello = trio.Event()
        self._killed_because = ""
        self._strays = 0
        self.begun = 0
        """Calls that were ever begun."""
        self.version = ""
        self.retiring = False
        """It gets no new calls, and ends with the last of those it has."""
        self.ended = False

    @property
    def calls(self) -> int:
        """Calls under way."""
        return len(self._calls)

    def retire(self) -> None:
        """End it when it has no calls any more; a call that begins before the next checkpoint still may."""
        self.retiring = True

    # --- its life -----------------------------------------------------------------------------------------------------

    async def run(
        self,
        start: Mapping[str, Any],
        payload: bytes,
        variables: Variables,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Start the process and be its other end until it ends; cancel this to end it.

        ``start`` and the payload are what it is told first (`javascript/action_host.js`). Raises ActionHostDied if it
        does not come up; afterwards its calls hear of its end, and this returns.
        """
        try:
            process = self._start_process()
        except (DenoUnavailable, OSError) as error:
            self.ended = True
            raise ActionHostDied("unavailable", str(error), 0) from error
        try:
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(process.socket))
            self._variables = variables
            self._channel.send({**start_header(self._limits, variables), **start}, payload)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._channel.write, stream)
                nursery.start_soon(self._read, stream, nursery.cancel_scope)
                with trio.move_on_after(self._limits.typescript_start_seconds_max):
                    await self._hello.wait()
                if self._hello.is_set():
                    limits = self._limits
                    process.limit_memory(
                        limits.typescript_action_heap_bytes_max + limits.typescript_action_buffers_bytes_max
                    )
                    task_status.started()
                    await self._watch()
                nursery.cancel_scope.cancel()
        finally:
            self.ended = True
            code, words = process.end()
            self._bury(code, words)
        if not self._hello.is_set():
            raise self._death(code, words, 1)

    async def _read(self, stream: trio.SocketStream, scope: trio.CancelScope) -> None:
        try:
            await self._channel.read(stream)
        except HostGarbledError as error:
            self._killed_because = f"it said what it must not: {error}"
        scope.cancel()

    async def _watch(self) -> None:
        """Return when it does not let any of its calls go on."""
        seconds_max = self._limits.action_blocked_seconds_max
        heard, silent_since = self._channel.heard, trio.current_time()
        while True:
            due = trio.current_time() + PING_SECONDS
            await trio.sleep_until(due)
            stall = trio.current_time() - due
            if stall > STALL_SECONDS:
                # It is we who stood still, and maybe nobody had any time: what it has said is not read yet.
                silent_since += stall
            if not self._calls or self._channel.heard != heard:
                heard, silent_since = self._channel.heard, trio.current_time()
            elif trio.current_time() - silent_since > seconds_max:
                self._killed_because = "blocked"
                return
            if self.retiring and not self._calls:
                return
            if self._calls:
                self._channel.send({"type": "ping"})

    def _bury(self, code: int, words: str) -> None:
        """Tell the calls."""
        calls = list(self._calls.values())
        death = self._death(code, words, len(calls))
        for call in calls:
            call.end(b"", death)
        if calls:
            _log.warning("action host ended", host=self._name, why=death.why, detail=str(death), actions=len(calls))

    def _death(self, code: int, words: str, calls: int) -> ActionHostDied:
        if self._killed_because == "blocked":
            return ActionHostDied("blocked", "it was killed, because it stood still", calls)
        if _OUT_OF_MEMORY.search(words):
            megabytes = self._limits.typescript_action_heap_bytes_max // MIB
            return ActionHostDied("memory", f"it had more than {megabytes} MB", calls)
        detail = [ending_of(code), self._killed_because, *words.strip().splitlines()[-1:]]
        return ActionHostDied("ended", "; ".join(filter(None, detail)), calls)

    # --- calls --------------------------------------------------------------------------------------------------------

    async def invoke(self, module: str, export: str, args: bytes, variables: Variables, syscalls: Syscalls) -> bytes:
        """Run an action and return its result as JSON. ``args`` is the JSON of an array of one object.

        Raises ActionThrew, ResultTooLarge and ActionHostDied. If cancelled, what it has under way in the process ends.
        """
        async with trio.open_nursery() as nursery:
            call = _Call(nursery, syscalls, self._bodies)
            self._begin(call, {"module": module, "export": export}, args, variables)
            with self._ending(call):
                await call.ended.wait()
            nursery.cancel_scope.cancel()
        return _result(call)

    async def answer(
        self,
        module: str,
        request: HttpRequest,
        variables: Variables,
        syscalls: Syscalls,
        disconnected: Callable[[], Awaitable[None]],
        respond: Callable[[HttpHead], Awaitable[None]],
    ) -> None:
        """Have the router that a module exports answer a request. ``respond`` is given the head when it is known, and
        is to send the body; ``disconnected`` returns when the client goes away.

        Raises what ``respond`` does, ActionThrew and ActionHostDied.
        """
        async with trio.open_nursery() as nursery:
            call = _Call(nursery, syscalls, self._bodies)
            described: dict[str, Any] = {
                "url": request.url,
                "method": request.method,
                "headers": request.headers,
                "body": None,
            }
            if request.body is not None:
                described["body"] = call.send(request.body)
            number = self._begin(call, {"module": module, "request": described}, b"", variables)
            nursery.start_soon(self._tell_disconnected, number, disconnected)
            with self._ending(call):
                await call.head_sent.wait()
                if call.head is not None:
                    try:
                        await respond(call.head)
                    except* BodyBrokenError:
                        pass  # What the app's code has thrown says more than that, or how its process has ended.
                    # What is left of it nobody wants.
                    call.drop_bodies()
                await call.ended.wait()
            nursery.cancel_scope.cancel()
        _result(call)

    async def _tell_disconnected(self, number: int, disconnected: Callable[[], Awaitable[None]]) -> None:
        await disconnected()
        self._channel.send({"type": "disconnected", "call": number})

    def _begin(self, call: _Call, header: dict[str, Any], payload: bytes, variables: Variables) -> int:
        if self.ended:
            raise ActionHostDied("ended", "it has ended", 0)
        if variables is not self._variables:
            self._variables = variables
            self._channel.send({"type": "variables", "values": dict(variables)})
        self.begun += 1
        self._calls[self.begun] = call
        self._channel.send({"type": "begin", "call": self.begun, **header}, payload)
        return self.begun

    @contextmanager
    def _ending(self, call: _Call) -> Iterator[None]:
        """Have nothing of a call go on in the process when the block is left, however that comes."""
        try:
            yield
        finally:
            self._forget(call)

    def _forget(self, call: _Call) -> None:
        call.drop_bodies()
        for number, each in list(self._calls.items()):
            if each is call:
                del self._calls[number]
                if not call.ended.is_set() and not self.ended:
                    self._channel.send({"type": "end", "call": number})

    # --- frames -------------------------------------------------------------------------------------------------------

    def _handle(self, frame: Frame, payload: bytes) -> None:
        call = self._calls.get(frame.call)
        match frame.type:
            case "hello":
                self.version = frame.version
                self._hello.set()
            case "request":
                if call is not None and not call.ended.is_set():
                    if call.requests >= self._limits.action_operations_max:
                        raise HostGarbledError("more requests of one call than it may have under way")
                    call.requests += 1
                    call.nursery.start_soon(self._answer_request, call, frame, payload)
            case "log":
                if call is not None:
                    call.syscalls.log(frame.level, payload.decode("utf-8", "replace"))
            case "head":
                if call is not None and call.head is None:
                    body = payload if frame.body is None else call.receive(frame.body)
                    call.head = HttpHead(frame.status, frame.headers, body)
                    call.head_sent.set()
            case "returned":
                if call is not None:
                    call.end(payload)
            case "tooLarge":
                if call is not None:
                    call.end(b"", ResultTooLarge(frame.bytes))
            case "threw":
                if call is not None:
                    call.end(b"", self._threw(frame, payload))
            case "stray":
                self._log_stray(frame, payload)
            case "heap":
                if frame.bytes > HEAP_SHARE_MAX * self._limits.typescript_action_heap_bytes_max:
                    self.retire()
            case "pong":
                pass
            case "chunk" | "credit" | "broken" | "cancelBody":
                self._bodies.take(frame, payload)
            case _:
                raise HostGarbledError(f"a frame {frame.type!r:.40}")

    def _log_stray(self, frame: Frame, payload: bytes) -> None:
        """Log what code says that belongs to no call: it goes on in Node when its action has returned."""
        self._strays += 1
        if self._strays <= _STRAYS_MAX:
            text = payload[: self._limits.log_line_bytes_max].decode("utf-8", "replace")
            _log.warning("said after its action had ended", host=self._name, level=frame.level, text=text)

    def _threw(self, frame: Frame, payload: bytes) -> ActionThrew:
        if frame.refused is not None:
            return ActionThrew(frame.refused)
        thrown = describe(payload.decode("utf-8", "replace"), self._maps, self._limits.error_frames_max)
        return ActionThrew(thrown.message, thrown.frames, thrown.data)

    async def _answer_request(self, call: _Call, frame: Frame, args: bytes) -> None:
        reply = {"call": frame.call, "number": frame.number}
        try:
            answer = await call.syscalls.request(frame.op, args, call)
        except Refusal as refusal:
            error: dict[str, Any] = {"message": refusal.message}
            if refusal.data is not None:
                error["data"] = msgspec.Raw(refusal.data)
            self._channel.send({"type": "refuse", **reply}, _encoder.encode(error))
        else:
            self._channel.send({"type": "answer", **reply}, answer)
        finally:
            call.requests -= 1


def _result(call: _Call) -> bytes:
    if call.failure is not None:
        raise call.failure
    return call.result


_OUT_OF_MEMORY: Final = re.compile(r"out of memory", re.IGNORECASE)
