"""The process that runs queries and mutations written in TypeScript, for one that can wait: a runner.

One Deno process without permissions (`deno.py`), one module set, and any number of executions inside each other: while
an execution waits for its syscalls, another may begin, as ``ctx.runQuery`` wants it. The owner drives; the process only
ever answers. The frames, both ways (`channel.py` has the bytes)::

    start, load, analyze, begin, resume, abandon        ─▶
    hello, loaded, analyzed, syscalls, returned, threw  ◀─

What the app's code does can end its own execution, or the process. Then :class:`HostDied` says why, everything that was
under way in it is lost, and the next call starts another one.

It knows no transaction and no function of the app by name.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from rtdb.config import MIB, Limits
from rtdb.link.supervisor import EXIT_SOFTWARE
from rtdb.typescript.analysis import Analysis, AnalysisError, analyzable, read_analysis
from rtdb.typescript.channel import Channel, Frame, GarbledError
from rtdb.typescript.deno import Deno, DenoUnavailable, ending_of
from rtdb.typescript.module_set import ModuleSet
from rtdb.typescript.stack import SourceMaps
from rtdb.typescript.steps import (
    Answered,
    Invocation,
    Refused,
    Reply,
    Returned,
    Rows,
    Step,
    SyscallRequest,
    Syscalls,
    Threw,
)
from rtdb.typescript.thrown import describe

__all__ = ["Host", "HostDied", "HostUnavailable"]

HostUnavailable = DenoUnavailable

_EXIT_IN_DOUBT: Final = 3
"""Of a process whose function ran out of time, or of stack, in the middle of a wait for us."""
_OWN_HEAP_BYTES: Final = 64 * MIB
"""What the process has on its heap beside a function: contexts that are ready, and a frame on its way."""
_NS_PER_MS: Final = 1_000_000


class HostDied(Exception):
    """The process ended, or was killed, while it ran something. ``code`` and the message are for the caller of what was
    running, ``words`` are the process's last ones, for the log."""

    def __init__(self, message: str, *, code: str, words: str = "", was_killed: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.words = words
        self.was_killed = was_killed
        """By somebody else, which is not the doing of what was running."""


_STEPS: Final = {"syscalls", "returned", "threw"}

_encoder = msgspec.json.Encoder()


class Host:
    """One process and what is loaded in it."""

    def __init__(self, limits: Limits, binary: Path | None = None) -> None:
        self._limits = limits
        self._binary = binary
        self._deno: Deno | None = None
        self._channel: Channel
        """To the process there is now."""
        self._modules: ModuleSet | None = None
        self._maps: SourceMaps | None = None
        self._is_tested = False
        self._executions = 0
        self._running: set[int] = set()
        """Executions of the process there is now."""

    # --- lives --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start a process, if there is none, and have it test what it stands on. Raises HostUnavailable."""
        if self._deno is None:
            self._start()

    def close(self) -> None:
        """End the process."""
        if self._deno is not None:
            self._deno.end()
            self._deno = None
        self._running.clear()

    @property
    def pid(self) -> int | None:
        """The process there is now."""
        return None if self._deno is None else self._deno.pid

    def _start(self) -> None:
        limits = self._limits
        self._deno = Deno(
            "host.js",
            heap_bytes_max=limits.typescript_heap_bytes_max + _OWN_HEAP_BYTES,
            binary=self._binary,
        )
        self._channel = Channel(self._deno.socket, limits.frame_bytes_max)
        start = {
            "type": "start",
            # What the first process has shown of this Deno need not be shown again by those that replace it.
            "isTested": self._is_tested,
            "limits": {
                "contextsMax": limits.typescript_contexts_max,
                "contextCallsMax": limits.typescript_context_calls_max,
                "milliseconds": limits.typescript_seconds_max * 1000,
                "logLinesMax": limits.log_lines_max,
                "logLineBytesMax": limits.log_line_bytes_max,
            },
        }
        try:
            hello, _ = self._exchange(start, (), limits.typescript_start_seconds_max, {"hello"})
        except HostDied as died:
            raise HostUnavailable(f"Deno could not be started: {died.message} {died.words}".rstrip()) from died
        self._deno.limit_memory(
            _OWN_HEAP_BYTES + limits.typescript_heap_bytes_max + limits.typescript_buffers_bytes_max
        )
        if hello.failures:
            self.close()
            raise HostUnavailable(
                f"Deno {hello.deno} cannot run functions safely: a test of whether it {' and '.join(hello.failures)} "
                "failed. Install the version that rtdb is made for: pip install 'rtdb[typescript]'"
            )
        self._is_tested = True

    def load(self, modules: ModuleSet) -> None:
        """Use these modules from now on. Raises HostUnavailable, HostDied."""
        self._modules = modules
        self._maps = SourceMaps(modules)
        self.start()
        self._load(modules)

    def _load(self, modules: ModuleSet) -> None:
        frame = {
            "type": "load",
            "modules": [(module.path, module.source) for module in modules.modules if module.environment == "isolate"],
            "maps": [
                (module.path, module.source_map)
                for module in modules.modules
                if module.environment == "isolate" and module.source_map is not None
            ],
            "importSeed": _seed_numbers(bytes.fromhex(modules.import_seed)),
            "importMs": modules.import_ns // _NS_PER_MS,
        }
        self._exchange(frame, (), self._limits.typescript_start_seconds_max, {"loaded"})

    def _ready(self) -> None:
        """Have a process with the modules, after one has died: also one that ended while nothing ran in it."""
        assert self._modules is not None, "load first"
        if self._deno is not None and not self._running and self._deno.has_ended:
            self.close()
        if self._deno is None:
            self._start()
            self._load(self._modules)

    # --- what it does -------------------------------------------------------------------------------------------------

    def analyze(self, variables: Mapping[str, str]) -> Analysis:
        """Return what the modules contain. Raises AnalysisError, HostDied, HostUnavailable."""
        self._ready()
        assert self._modules is not None
        assert self._maps is not None
        seconds = self._limits.typescript_analysis_seconds_max
        paths = [
            module.path
            for module in self._modules.modules
            if module.environment == "isolate" and analyzable(module.path)
        ]
        frame = {"type": "analyze", "paths": paths, "variables": dict(variables), "milliseconds": seconds * 1000}
        try:
            # It also makes a context for each module, which is not the modules' time.
            _, lines = self._exchange(frame, (), seconds + self._limits.typescript_start_seconds_max, {"analyzed"})
        except HostDied as died:
            raise AnalysisError(f"Failed to analyze the modules: {died.message}") from died
        return read_analysis(lines, self._maps, seconds, self._limits.error_frames_max)

    def begin(self, invocation: Invocation) -> Step:
        """Begin an execution and return how far it comes by itself. Raises HostDied, HostUnavailable."""
        is_alone = not self._running
        try:
            return self._begin(invocation)
        except HostDied as died:
            # It has asked for nothing yet, and nobody else is hurt: in another process it may begin again.
            if not (died.was_killed and is_alone):
                raise
        return self._begin(invocation)

    def _begin(self, invocation: Invocation) -> Step:
        self._ready()
        self._executions += 1
        execution = self._executions
        self._running.add(execution)
        frame = {
            "type": "begin",
            "execution": execution,
            "module": invocation.module,
            "export": invocation.export,
            "kind": invocation.kind,
            "now": invocation.now_ms,
            "seed": _seed_numbers(invocation.seed),
        }
        return self._step(frame, [invocation.args])

    def resume(self, execution: int, replies: Sequence[Reply]) -> Step:
        """Go on with a reply to each request of the last step. Raises HostDied."""
        if execution not in self._running:
            raise HostDied("The process it ran in has ended.", code="FunctionEndedProcess")
        headers: list[dict[str, Any]] = []
        lines: list[bytes] = []
        for reply in replies:
            match reply:
                case Answered(number, result):
                    headers.append({"number": number})
                    lines.append(result)
                case Rows(number, rows, done):
                    headers.append({"number": number, "rows": len(rows), "done": done})
                    lines.extend(rows)
                case Refused(number, message, data):
                    error: dict[str, Any] = {"message": message}
                    if data is not None:
                        error["data"] = msgspec.Raw(data)
                    headers.append({"number": number, "refused": True})
                    lines.append(_encoder.encode(error))
        return self._step({"type": "resume", "execution": execution, "replies": headers}, lines)

    def abandon(self, execution: int) -> None:
        """Forget an execution that is not to go on."""
        if execution in self._running:
            self._running.discard(execution)
            with suppress(HostDied):
                self._send({"type": "abandon", "execution": execution}, ())

    # --- frames -------------------------------------------------------------------------------------------------------

    def _step(self, header: dict[str, Any], lines: Sequence[bytes]) -> Step:
        limits = self._limits
        seconds_max = limits.typescript_seconds_max + limits.typescript_silence_seconds_max
        frame, payload = self._exchange(header, lines, seconds_max, _STEPS)
        if frame.execution != header["execution"]:
            self.condemn(f"it answers for execution {frame.execution} instead of {header['execution']}")
        lines_due = len(frame.requests) if frame.type == "syscalls" else int(frame.type == "returned")
        if len(payload) != lines_due or (frame.type == "syscalls" and not payload):
            self.condemn(f"its frame has {len(payload)} lines instead of {lines_due}")
        if frame.type == "syscalls":
            requests = [
                SyscallRequest(number, op, args, synchronous, query)
                for (number, op, synchronous, query), args in zip(frame.requests, payload, strict=True)
            ]
            return Syscalls(requests=requests, **_common(frame))
        self._running.discard(frame.execution)
        if frame.type == "returned":
            return Returned(result=payload[0], **_common(frame))
        return self._threw(frame)

    def _threw(self, frame: Frame) -> Threw:
        code, message, frames, data = "FunctionError", "", "", None
        error = frame.error
        if error.described is not None:
            assert self._maps is not None
            thrown = describe(error.described, self._maps, self._limits.error_frames_max)
            message, frames, data = thrown.message, thrown.frames, thrown.data
        elif error.refused is not None:
            message = error.refused
        elif error.timedOut:
            seconds = self._limits.typescript_seconds_max
            code = "FunctionTimedOut"
            message = f"Function execution timed out (maximum duration: {seconds:g}s)"
        else:
            message = "Returned promise will never resolve"
        return Threw(code=code, message=message, frames=frames, data=data, **_common(frame))

    def _exchange(
        self, header: dict[str, Any], lines: Sequence[bytes], seconds_max: float, expected: Set[str]
    ) -> tuple[Frame, list[bytes]]:
        """Send a frame and return the one that comes back, of one of these types. Raises HostDied."""
        self._send(header, lines)
        try:
            frame, payload = self._channel.receive(seconds_max)
            if frame.type not in expected:
                raise GarbledError(f"it sent a frame of type {frame.type}")
            return frame, payload
        except TimeoutError:
            self._died(f"it said nothing for {seconds_max:g} s", timed_out=True)
        except OSError as error:
            self._died(str(error), is_lost=True)
        except GarbledError as error:
            self._died(str(error))

    def _send(self, header: dict[str, Any], lines: Sequence[bytes]) -> None:
        try:
            self._channel.send(header, lines)
        except OSError as error:
            self._died(str(error), is_lost=True)

    def condemn(self, reason: str) -> NoReturn:
        """End the process because it has said what it must not, which only one does that is no longer ours."""
        self._died(reason)

    def _died(self, reason: str, *, timed_out: bool = False, is_lost: bool = False) -> NoReturn:
        """Bury the process and say why it is dead."""
        assert self._deno is not None
        code, words = self._deno.end()
        self._deno = None
        self._running.clear()
        if timed_out or code == _EXIT_IN_DOUBT:
            seconds = self._limits.typescript_seconds_max
            raise HostDied(
                f"Function execution timed out (maximum duration: {seconds:g}s)", code="FunctionTimedOut", words=words
            )
        if code == EXIT_SOFTWARE:
            raise HostDied("The process that the function ran in failed.", code="InternalServerError", words=words)
        if _OUT_OF_MEMORY.search(words):
            megabytes = self._limits.typescript_heap_bytes_max // MIB
            raise HostDied(
                f"JavaScript execution ran out of memory (maximum memory usage: {megabytes} MB)",
                code="OutOfMemory",
                words=words,
            )
        raise HostDied(
            f"The process that the function ran in has ended ({ending_of(code)}; {reason}).",
            code="FunctionEndedProcess",
            words=words,
            was_killed=is_lost and code == -signal.SIGKILL,
        )


_OUT_OF_MEMORY: Final = re.compile(r"out of memory", re.IGNORECASE)


def _common(frame: Frame) -> dict[str, Any]:
    return {
        "execution": frame.execution,
        "log_lines": frame.logs,
        "streams": frame.streams,
        "looked_at_time": frame.time,
        "milliseconds": frame.milliseconds,
    }


def _seed_numbers(seed: bytes) -> list[int]:
    """Return up to 32 bytes as the numbers that random numbers begin with."""
    return [int.from_bytes(seed[start : start + 4], "little") for start in range(0, min(len(seed), 32), 4)]
