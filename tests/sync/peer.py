"""The other end of one session: feeds it, and takes its answers as plain JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from rtdb.config import Limits
from rtdb.link.frames import Answer, BlockNotice, ExecutionError, RoundResults, WatchResult
from rtdb.sync.commands import Close, Command, RunFunction, SendText, VerifyToken
from rtdb.sync.connection import SyncConnection
from rtdb.sync.messages import encode_timestamp
from rtdb.sync.watch_table import WatchTable
from tests.sync.session_world import NOBODY, NOW_NS, SeededRandom

__all__ = ["CONNECT", "LIMITS", "SECOND", "SESSION", "Peer", "add", "remove", "value", "version"]

SESSION = "0b9f1c52-8d43-4a6e-9c1e-7f3a2d5b6e10"
CONNECT = {"type": "Connect", "sessionId": SESSION, "connectionCount": 0}
SECOND = 1_000_000_000
LIMITS = Limits(session_mutations_max=3, session_actions_max=2, session_queries_max=3)


class Peer:
    """A session with the hands to feed it, and its answers as plain JSON."""

    def __init__(self, limits: Limits = LIMITS, *, redact: bool = False) -> None:
        self.table = WatchTable(current_ts=100, random=SeededRandom(), redact=redact)
        self.session = self.open_session(limits)
        self.runs: list[RunFunction] = []
        self.tokens: list[VerifyToken] = []
        self.closing: Close | None = None

    def open_session(self, limits: Limits = LIMITS) -> SyncConnection:
        return SyncConnection(self.table, anonymous=NOBODY, limits=limits, random=SeededRandom(), now_ns=NOW_NS)

    def take(self, commands: list[Command]) -> list[dict[str, Any]]:
        said = []
        for command in commands:
            assert self.closing is None, "nothing follows a close"
            match command:
                case SendText():
                    said.append(msgspec.json.decode(command.text))
                case RunFunction():
                    self.runs.append(command)
                case VerifyToken():
                    self.tokens.append(command)
                case Close():
                    self.closing = command
        return said

    def say(self, message: dict[str, Any], now_ns: int = NOW_NS) -> list[dict[str, Any]]:
        return self.take(self.session.receive(msgspec.json.encode(message), now_ns))

    def modify(self, base: int, *modifications: dict[str, Any], new: int | None = None) -> list[dict[str, Any]]:
        message = {"type": "ModifyQuerySet", "baseVersion": base, "newVersion": base + 1 if new is None else new}
        return self.say({**message, "modifications": list(modifications)})

    def mutate(self, request: int, now_ns: int = NOW_NS, args: list[Any] | None = None) -> list[dict[str, Any]]:
        arguments = [{}] if args is None else args
        return self.say({"type": "Mutation", "requestId": request, "udfPath": "m:x", "args": arguments}, now_ns)

    def act(self, request: int) -> list[dict[str, Any]]:
        return self.say({"type": "Action", "requestId": request, "udfPath": "a:x", "args": [{}]})

    def answer(self, ts: int, result: bytes = b"null", error: ExecutionError | None = None) -> list[dict[str, Any]]:
        answer = Answer(0, None if error else result, error, ["[LOG] 'x'"], ts)
        return self.take(self.session.answered(self.runs.pop(0), answer, NOW_NS))

    def notice(self, ts: int, *dirty: int) -> list[dict[str, Any]]:
        return self.advance(self.table.apply_notice(BlockNotice(ts, ts, list(dirty))))

    def round(self, *results: WatchResult, running: list[int] | None = None) -> list[dict[str, Any]]:
        return self.advance(self.table.apply_round(RoundResults(list(results), running or [])))

    def advance(self, sessions: Any) -> list[dict[str, Any]]:
        return [message for session in sessions for message in self.take(session.advance(NOW_NS))]

    def asks_to_pause(self) -> bool:
        return self.session.paused

    def written(self) -> list[dict[str, Any]]:
        return self.take(self.session.transition_written(NOW_NS))


def add(query_id: int, path: str = "q:list", **more: Any) -> dict[str, Any]:
    return {"type": "Add", "queryId": query_id, "udfPath": path, "args": [{}], **more}


def remove(query_id: int) -> dict[str, Any]:
    return {"type": "Remove", "queryId": query_id}


def value(watch: int, ts: int, value: bytes = b"1.0", **more: Any) -> WatchResult:
    return WatchResult(watch, ts, more.get("dirty_ts", 0), False, value, None, [], more.get("journal"))


def version(query_set: int, identity: int, ts: int) -> dict[str, Any]:
    return {"querySet": query_set, "identity": identity, "ts": encode_timestamp(ts)}
