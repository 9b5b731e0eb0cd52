"""Snippets of JavaScript in realms of their own, without a host: what exists in a context, and how it behaves."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deno import find_deno_bin

__all__ = ["NOW", "ORIGIN", "Ran", "RealmProcess", "start_realm_process"]

NOW = 1_700_000_000_123
ORIGIN = NOW - 5_000

_FLAGS = ("--no-prompt", "--no-remote", "--no-npm", "--cached-only", "--no-config", "--no-lock", "--quiet")
_SEED = (1, 2, 3, 4, 5, 6, 7, 8)


class Ran:
    """How a snippet ended: ``value`` is what it returned; ``error`` how the realm describes what it threw."""

    def __init__(self, answer: dict[str, Any]) -> None:
        assert "stuck" not in answer, "the snippet never ended"
        self.value: Any = json.loads(answer["value"]) if "value" in answer else None
        self.error: dict[str, Any] | None = json.loads(answer["error"]) if "error" in answer else None
        self.logs: list[tuple[str, str]] = [(level, text) for level, text in answer["logs"]]
        self.aborted: list[str] = answer["aborted"]
        self.looks_at_clock: int = answer["looks"]


class RealmProcess:
    """A Deno that runs snippets, each in a fresh context."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def native(self, source: str) -> Ran:
        """Run the body of an async function with Deno's own web APIs."""
        return self._ask({"source": source, "native": True})

    def run(
        self,
        source: str,
        *,
        phase: str = "query",
        now: int = NOW,
        origin: int = ORIGIN,
        seed: Sequence[int] = _SEED,
        variables: Mapping[str, str] | None = None,
        leak: bool = False,
    ) -> Ran:
        """Run the body of an async function. With ``leak`` a function of the host's realm is its global ``leaked``."""
        request = {
            "source": source,
            "phase": phase,
            "now": now,
            "origin": origin,
            "seed": list(seed),
            "variables": dict(variables or {}),
            "leak": leak,
        }
        return self._ask(request)

    def _ask(self, request: dict[str, Any]) -> Ran:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process has ended"
        return Ran(json.loads(line))

    def value(self, source: str, **options: Any) -> Any:
        """Run the body of an async function that must not throw; return what it returns."""
        ran = self.run(source, **options)
        assert ran.error is None, ran.error
        return ran.value

    def error(self, source: str, **options: Any) -> str:
        """Run the body of an async function that must throw; return "name: message" of what it throws."""
        ran = self.run(source, **options)
        assert ran.error is not None, f"returned {ran.value!r}"
        return f"{ran.error['name']}: {ran.error['message']}"


@contextmanager
def start_realm_process() -> Iterator[RealmProcess]:
    """Start a Deno without permissions and end it with the block."""
    harness = Path(__file__).with_name("realm_harness.js")
    process = subprocess.Popen(
        [find_deno_bin(), "run", *_FLAGS, "--v8-flags=--disallow-code-generation-from-strings", str(harness)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"TZ": "UTC", "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1", "HOME": "/nonexistent"},
        cwd="/",
    )
    try:
        yield RealmProcess(process)
    finally:
        process.kill()
        process.communicate()
