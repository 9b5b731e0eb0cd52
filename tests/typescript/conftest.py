"""One Deno for the tests that need one, with whatever modules each of them wants, and calls that answer nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pytest

from rtdb.config import Limits
from rtdb.typescript.host import Host
from rtdb.typescript.module_set import ModuleSet, TypeScriptModule
from rtdb.typescript.steps import Answered, Invocation, LogLine, Reply, Returned, Step, SyscallRequest, Syscalls, Threw
from tests.typescript.realm_process import RealmProcess, start_realm_process

IMPORT_MS = 1_700_000_000_000

Answer = Callable[[SyscallRequest], Reply]


def module_set(sources: Mapping[str, str], maps: Mapping[str, str] | None = None) -> ModuleSet:
    """Return these modules, by path."""
    return ModuleSet(
        modules=tuple(
            TypeScriptModule(path, source, (maps or {}).get(path), "isolate") for path, source in sources.items()
        ),
        server_version="1.48.0",
        import_seed="5a" * 32,
        import_ns=IMPORT_MS * 1_000_000,
    )


def answer_null(request: SyscallRequest) -> Reply:
    return Answered(request.number, b"null")


class Functions:
    """The modules of a test, and calls of what they export."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.steps: list[Step] = []
        """Those of the last call."""

    def load(self, *sources: str, **modules: str) -> None:
        """Load modules: ``m.js`` is one without a name, and `a_b="…"` is ``a.b.js``."""
        named = {f"{name.replace('_', '.')}.js": source for name, source in modules.items()}
        self.host.load(module_set(named | ({"m.js": "".join(sources)} if sources else {})))

    def begin(self, export: str = "f", args: object = None, **fields: Any) -> Step:
        invocation = Invocation(
            **{
                "module": "m.js",
                "export": export,
                "kind": "query",
                "args": msgspec.json.encode([args or {}]),
                "now_ms": 1_800_000_000_000,
                "seed": bytes(range(16)),
                **fields,
            }
        )
        return self.host.begin(invocation)

    def run(self, export: str = "f", args: object = None, answer: Answer = answer_null, **fields: Any) -> Step:
        """Run a function to its end, with ``answer`` for what it asks."""
        step = self.begin(export, args, **fields)
        self.steps = [step]
        while isinstance(step, Syscalls):
            step = self.host.resume(step.execution, [answer(request) for request in step.requests])
            self.steps.append(step)
        return step

    def result(self, export: str = "f", args: object = None, answer: Answer = answer_null, **fields: Any) -> Any:
        """Return what a function returns."""
        step = self.run(export, args, answer, **fields)
        assert isinstance(step, Returned), step
        return msgspec.json.decode(step.result)

    def error(self, export: str = "f", args: object = None, answer: Answer = answer_null, **fields: Any) -> Threw:
        """Return how a function fails."""
        step = self.run(export, args, answer, **fields)
        assert isinstance(step, Threw), step
        return step

    @property
    def log_lines(self) -> list[LogLine]:
        return [line for step in self.steps for line in step.log_lines]


def query(body: str, name: str = "f", kind: str = "Query") -> str:
    """Return an export of the shape that the library makes; ``body`` has ``args`` and returns any value."""
    return f"""
        export const {name} = Object.assign(() => {{}}, {{
            is{kind}: true, isPublic: true,
            exportArgs: () => '{{"type":"any"}}', exportReturns: () => "null",
            async invoke{kind}(text) {{
                const [args] = JSON.parse(text);
                const ask = async (op, given = {{}}) =>
                    JSON.parse(await Convex.asyncSyscall(op, JSON.stringify(given)));
                const returned = await (async () => {{ {body} }})();
                return JSON.stringify(returned ?? null);
            }},
        }});
    """


LIMITS = Limits(
    typescript_seconds_max=0.25,
    typescript_analysis_seconds_max=0.5,
    typescript_silence_seconds_max=5.0,
    typescript_context_calls_max=20,
)
"""Loops are to be stopped sooner than in a server, because many tests wait for it; contexts are reused less often."""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    host = Host(LIMITS)
    host.start()
    yield host
    host.close()


@pytest.fixture
def functions(host: Host) -> Functions:
    return Functions(host)


@pytest.fixture(scope="module")
def realm() -> Iterator[RealmProcess]:
    with start_realm_process() as process:
        yield process
