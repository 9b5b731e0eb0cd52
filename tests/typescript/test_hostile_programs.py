"""Whatever a program does, it ends by itself or is ended, and the process goes on."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from rtdb.config import Limits
from rtdb.typescript.host import Host
from rtdb.typescript.steps import Answered, Reply, Returned, SyscallRequest, Threw
from tests.typescript.conftest import Functions, query
from tests.typescript.hostile_programs import hostile_program

AFTER = query("return [typeof URL, [1, 2].map((n) => n + 1), JSON.stringify({ a: 1 }), String(new Error('x'))];")


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host(Limits(typescript_seconds_max=2.0))
    host.start()
    yield host
    host.close()


def answer(request: SyscallRequest) -> Reply:
    return Answered(request.number, b"1")


def run_programs(functions: Functions, seed: int, count: int) -> set[str]:
    """Run so many programs, each with a good one after it; return how they ended."""
    random = Random(seed)
    pid = functions.host.pid
    ends = set()
    for _ in range(count):
        program = hostile_program(random)
        functions.load(program)
        step = functions.run(answer=answer)
        assert isinstance(step, Returned | Threw)
        ends.add(type(step).__name__ if isinstance(step, Returned) else step.message.partition(":")[0])
        functions.load(AFTER)
        assert functions.result() == ["function", [2, 3], '{"a":1}', "Error: x"], program
        assert functions.host.pid == pid, program
    return ends


@pytest.mark.slow
def test_random_programs_harm_nobody(functions: Functions) -> None:
    ends = run_programs(functions, 1, 150)
    assert {"Returned", "Uncaught TypeError", "Uncaught null"} <= ends


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10))
def test_many_random_programs_harm_nobody(functions: Functions, seed: int) -> None:
    run_programs(functions, 1000 + seed, 2000)
