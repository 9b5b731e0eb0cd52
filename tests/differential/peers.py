"""The two databases that run the same programs, and what they are compared by."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from tests.differential.programs import SCHEMA, SCHEMA_SOURCE
from tests.e2e.official_client import CLIENTS, node_executable
from tests.functions.app_bench import AppBench
from tests.waiting import SECONDS_MAX

__all__ = ["ConvexTest", "Ours", "Peer", "comparable"]

PROGRAM = Path(__file__).parent / "app" / "program.py"
MILLISECOND = 1_000_000


class Peer(Protocol):
    """Something that runs transactions of a program."""

    def run(self, transaction: dict[str, Any], ids: list[list[str]]) -> dict[str, Any] | None:
        """Return ``{"ids", "results"}``, None if the transaction failed."""

    def close(self) -> None:
        """Let go of what it has."""


class ConvexTest:
    """npm `convex-test` in a Node process that is kept for many programs."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [node_executable(), str(CLIENTS / "convex_test.mjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=SECONDS_MAX)
        self._process.stdout.close()

    def close(self) -> None:
        """Nothing: the process is kept."""

    def reset(self) -> None:
        """Begin with an empty database."""
        self._ask({"op": "reset", "schema": SCHEMA.to_json()})

    def run(self, transaction: dict[str, Any], ids: list[list[str]]) -> dict[str, Any] | None:
        program = {"ids": ids, "steps": transaction["steps"], "fails": transaction["fails"]}
        answer = self._ask({"op": "run", "kind": transaction["kind"], "program": program})
        if "error" in answer:
            assert "as the program says" in answer["error"], answer["error"]
            return None
        value: dict[str, Any] = answer["value"]
        return value

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        line = self._process.stdout.readline()
        assert line, "the convex-test process has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


class Ours:
    """Our executor on a real committer, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self._bench = AppBench(directory, schema=SCHEMA_SOURCE, program=PROGRAM.read_text(encoding="utf-8"))
        self._bench.push()

    def run(self, transaction: dict[str, Any], ids: list[list[str]]) -> dict[str, Any] | None:
        self._bench.clock.now += MILLISECOND
        program = json.dumps({"ids": ids, "steps": transaction["steps"], "fails": transaction["fails"]})
        path = "program:look" if transaction["kind"] == "query" else "program:run"
        if transaction["fails"]:
            assert "as the program says" in self._bench.error(path, {"program": program}).message
            return None
        value: dict[str, Any] = json.loads(self._bench.run(path, {"program": program}))
        return value

    def close(self) -> None:
        self._bench.close()


def comparable(results: Any, ids: list[list[str]]) -> Any:
    """Return results with documents named by number, and without the times that each server gives them."""
    numbers = {id: f"#{number}" for number, (_, id) in enumerate(ids)}

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            return numbers.get(value, value)
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {name: plain(item) for name, item in sorted(value.items()) if name != "_creationTime"}
        return value

    return plain(results)
