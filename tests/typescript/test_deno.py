"""The process itself: what it may, how it dies, and what follows."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdb.config import MIB, Limits
from rtdb.typescript.deno import Deno, DenoUnavailable, find_deno
from rtdb.typescript.host import Host, HostDied, HostUnavailable
from rtdb.typescript.steps import Answered, Reply, SyscallRequest
from tests.typescript.conftest import LIMITS, Functions, query
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

PATIENT = Limits(typescript_seconds_max=20.0)
"""For what takes its time on a machine that is busy."""


def instead_of(kind: str, source: str, other: str) -> str:
    """Return what gives one script or module of the self-test another text."""
    return f"""
        vm.{kind} = class extends vm.{kind} {{
          constructor(source, options) {{ super(source === "{source}" ? "{other}" : source, options); }}
        }};
    """


@pytest.fixture
def own() -> Iterator[Functions]:
    """A process for one test, which may do with it what it likes."""
    host = Host(LIMITS)
    yield Functions(host)
    host.close()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- what it may ------------------------------------------------------------------------------------------------------


def test_the_process_knows_nothing_of_ours(own: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cr3t")
    with Path(__file__).open("rb") as file:
        os.set_inheritable(file.fileno(), True)
        own.load(query("return 1;"))
    process = Path(f"/proc/{own.host.pid}")
    assert b"s3cr3t" not in (process / "environ").read_bytes()
    assert b"TZ=UTC" in (process / "environ").read_bytes()
    assert (process / "cwd").readlink() == Path("/")
    assert b"--allow" not in (process / "cmdline").read_bytes()
    # Standard input and output are the one socket, and nothing else of its parent's has been passed on.
    open_files = {each.name: str(each.readlink()) for each in (process / "fd").iterdir()}
    assert open_files["0"] == open_files["1"]
    assert open_files["0"].startswith("socket:")
    assert str(Path(__file__)) not in open_files.values()


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"permission": "--allow-env"}, "has no permissions"),
        ({"permission": "--allow-read=/"}, "has no permissions"),
        (
            {"flags": "--no-disallow-code-generation-from-strings"},
            "makes no code from strings outside of contexts either",
        ),
        (
            {
                "plant": """
                    vm.SourceTextModule = class extends vm.SourceTextModule {
                      linkRequests(modules) { if (modules.length === 0) super.linkRequests(modules); }
                    };
                """
            },
            "links and evaluates modules from memory",
        ),
        (
            {
                "plant": """
                    const { createContext } = vm;
                    const { runInContext } = vm.Script.prototype;
                    const nothing = new vm.Script("0");
                    const contexts = [];
                    vm.createContext = (...options) => {
                      const context = createContext(...options);
                      contexts.push(new WeakRef(context));
                      return context;
                    };
                    vm.Script.prototype.runInContext = function (context, options) {
                      const result = runInContext.call(this, context, options);
                      if (options?.timeout === 1000) {
                        for (const each of contexts) {
                          if (each.deref() !== undefined) runInContext.call(nothing, each.deref());
                        }
                      }
                      return result;
                    };
                """
            },
            "runs the microtasks of one context only, and only in a tick",
        ),
        # Loops that end by themselves, as far as anybody sees who waits for them to be stopped.
        ({"plant": instead_of("Script", "for (;;);", "0;")}, "stops a loop"),
        (
            {"plant": instead_of("Script", "() => { try { for (;;); } finally { for (;;); } }", "() => {}")},
            "stops a loop after an await, and in a finally",
        ),
        ({"plant": instead_of("SourceTextModule", "for (;;);", "0;")}, "stops a loop in an imported module"),
        (
            {
                "plant": """
                    const { createContext } = vm;
                    vm.createContext = (object, { microtaskMode }) => createContext(object, { microtaskMode });
                """
            },
            "makes no code from strings",
        ),
        (
            {
                "plant": """
                    const hide = (event) => { event.preventDefault(); event.stopImmediatePropagation(); };
                    globalThis.addEventListener("unhandledrejection", hide, { capture: true });
                """
            },
            "hears of rejections that nobody handles",
        ),
        (
            {
                "plant": """
                    const { createContext } = vm;
                    const kept = globalThis.kept = [];
                    vm.createContext = (...options) => kept[kept.push(createContext(...options)) - 1];
                """
            },
            "lets go of contexts",
        ),
    ],
)
def test_a_process_that_is_not_as_it_must_be_is_not_used(
    change: dict[str, str], failed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Controls of the self-test: with one thing changed, it finds just that."""
    start = subprocess.Popen
    planted = tmp_path / "planted.js"
    (tmp_path / "plant.js").write_text(f'import vm from "node:vm";\n{change.get("plant", "")}')

    def popen(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        *flags, script = command
        planted.write_text(f'import "./plant.js";\nimport "{Path(script).as_uri()}";\n')
        if "flags" in change:
            flags = [f"{flag},{change['flags']}" if flag.startswith("--v8-flags") else flag for flag in flags]
        if "permission" in change:
            flags.append(change["permission"])
        return start([*flags, str(planted)], **options)  # type: ignore[call-overload,no-any-return]  # passed on

    monkeypatch.setattr(subprocess, "Popen", popen)
    host = Host(LIMITS)
    with pytest.raises(HostUnavailable, match=f"a test of whether it {re.escape(failed)} failed") as raised:
        host.start()
    assert "pip install 'rtdb[typescript]'" in str(raised.value)


@pytest.mark.parametrize("binary", ["/nonexistent/deno", "/bin/true", "/bin/cat", sys.executable])
def test_what_is_not_deno_is_said_to_be_unusable(binary: str) -> None:
    host = Host(Limits(typescript_start_seconds_max=2), Path(binary))
    with pytest.raises(HostUnavailable, match="Deno could not be started"):
        host.start()
    assert host.pid is None


def test_without_deno_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deno", None)
    with pytest.raises(DenoUnavailable, match=r"need Deno, which is not installed: pip install 'rtdb\[typescript\]'"):
        find_deno()


# --- how it dies ------------------------------------------------------------------------------------------------------


def test_a_process_out_of_memory_says_so_and_is_replaced(own: Functions) -> None:
    own.host = Host(PATIENT)
    own.load(query("const all = []; for (;;) all.push(new Array(2e6).fill(0));") + query("return 1;", "after"))
    with pytest.raises(
        HostDied, match=r"JavaScript execution ran out of memory \(maximum memory usage: 64 MB\)"
    ) as died:
        own.run()
    assert died.value.code == "OutOfMemory"
    assert own.result("after") == 1
    own.host.close()


def test_array_buffers_end_in_an_error_that_can_be_caught(own: Functions) -> None:
    own.host = Host(PATIENT)
    body = "const all = []; try { for (;;) all.push(new Uint8Array(1e7)); } catch (error) { return `${error}`; }"
    own.load(query(body) + query("return 1;", "after"))
    assert own.result() == "RangeError: Array buffer allocation failed"
    pid = own.host.pid
    assert own.result("after") == 1
    assert own.host.pid == pid
    own.host.close()


def test_arguments_and_results_of_sixteen_mebibytes_pass(own: Functions) -> None:
    own.host = Host(PATIENT)
    own.load(query("return args;"))
    text = "é" * (8 * MIB - 100)
    for _ in range(3):
        assert own.result(args={"text": text}) == {"text": text}
    own.host.close()


def test_a_killed_process_is_replaced_at_the_next_call(own: Functions) -> None:
    own.load(query("return 1;") + query('await ask("1.0/get");', "asks"))

    def kill(request: SyscallRequest) -> Reply:
        assert own.host.pid is not None
        os.kill(own.host.pid, signal.SIGKILL)
        return Answered(request.number, b"null")

    with pytest.raises(HostDied, match="SIGKILL"):
        own.run("asks", answer=kill)
    begun = time.monotonic()
    assert own.result() == 1
    # 40 ms on an idle machine; what is looked for here is a wait for something that does not come.
    assert time.monotonic() - begun < 5


def test_a_process_that_is_killed_before_a_call_fails_nobody(own: Functions) -> None:
    own.load(query("return 1;"))
    for _ in range(5):
        assert own.host.pid is not None
        os.kill(own.host.pid, signal.SIGKILL)
        assert own.result() == 1


def test_a_process_that_says_nothing_is_killed(own: Functions) -> None:
    own.host = Host(Limits(typescript_seconds_max=0.25, typescript_silence_seconds_max=0.25))
    own.load(query("return 1;"))
    assert own.result() == 1
    assert own.host.pid is not None
    os.kill(own.host.pid, signal.SIGSTOP)
    with pytest.raises(HostDied, match=r"Function execution timed out \(maximum duration: 0.25s\)"):
        own.run()
    assert own.result() == 1
    own.host.close()


def test_time_that_runs_out_while_the_owner_answers_ends_the_call_only(own: Functions) -> None:
    """The process cannot know how much of the answer it has read: it ends itself, and the next call has a new one."""
    own.load(query("return process.env.A;") + query("return 1;", "after"))

    def late(request: SyscallRequest) -> Reply:
        time.sleep(0.4)
        return Answered(request.number, b'"late"')

    with pytest.raises(HostDied) as died:
        own.run(answer=late)
    assert died.value.code == "FunctionTimedOut"
    assert own.result("after") == 1


def test_waiting_for_the_database_takes_none_of_the_time(own: Functions) -> None:
    own.load(query('await ask("1.0/get"); await ask("1.0/get"); return 1;'))

    def slow(request: SyscallRequest) -> Reply:
        time.sleep(0.2)
        return Answered(request.number, b"null")

    assert own.result(answer=slow) == 1


def test_a_process_does_not_outlive_the_one_that_started_it() -> None:
    """The owner is killed while a function loops, so that nobody in the process looks at the socket."""
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                """
                import sys
                from rtdb.config import Limits
                from rtdb.typescript.host import Host
                from tests.typescript.conftest import Functions, query

                functions = Functions(Host(Limits(typescript_seconds_max=3600.0)))
                functions.load(query("for (;;);"))
                print(functions.host.pid, flush=True)
                functions.run()
                """
            ),
        ],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    with owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_alive(pid)
        owner.kill()
    wait_until(lambda: not is_alive(pid))


def test_a_process_starts_from_one_that_has_less_memory() -> None:
    """As a runner does, which has limited itself before it loads the app."""
    script = """
        from rtdb.config import Limits
        from rtdb.link.child import limit_memory
        from rtdb.typescript.host import Host

        limit_memory(256 << 20)
        host = Host(Limits())
        host.start()
        host.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, cwd=Path(__file__).parents[2])


def test_contexts_are_let_go_of(own: Functions) -> None:
    """Every call has a context of its own, of half a megabyte: after some hundred the process is not much larger."""
    own.load("const big = new Array(1e4).fill(1).map((_, i) => ({ i }));" + query("return big.length;"))
    for _ in range(100):
        own.result()
    assert own.host.pid is not None
    before = resident_bytes(own.host.pid)
    for _ in range(400):
        own.result()
    assert resident_bytes(own.host.pid) - before < 64 * MIB


def test_deno_is_started_with_the_memory_it_is_given() -> None:
    process = Deno("host.js", heap_bytes_max=128 * MIB)
    try:
        process.limit_memory(50 * MIB)
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        data_bytes_max, _ = resource.prlimit(process.pid, resource.RLIMIT_DATA)
        assert 50 * MIB < data_bytes_max < 4096 * MIB
    finally:
        code, _ = process.end()
    assert code == -signal.SIGKILL
