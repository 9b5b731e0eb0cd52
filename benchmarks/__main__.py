"""``python -m benchmarks NAME [options]``, and what is done with results; without arguments, the list."""

from __future__ import annotations

import importlib
import sys
import traceback

from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.comparison import compare
from benchmarks.harness.page import make_page

NAMES = (
    "transfer",
    "fanout",
    "distinct",
    "matching",
    "latency",
    "connections",
    "query",
    "commit",
    "coldstart",
    "deploys",
    "soak",
    "peers",
    "executor",
    "committer",
    "snapshot_reads",
    "typescript",
    "cores",
)
LONG = ("soak",)
"""Left out by ``all``."""

USAGE = """
  python -m benchmarks NAME --help     the workload, its floor, what a good answer is, and the options
  python -m benchmarks NAME --quick    a few seconds, to see that it works here
  python -m benchmarks all             one after the other, except soak; options are passed to each
  python -m benchmarks compare A B     two result files or directories: what differs by more than chance
  python -m benchmarks page DIR        plots as PNG and one self-contained page of the results in DIR
"""


def load_benchmark(name: str) -> Benchmark:
    """Return the benchmark of a name in :data:`NAMES`."""
    benchmark = importlib.import_module(f"benchmarks.{name}").BENCHMARK
    assert isinstance(benchmark, Benchmark)
    return benchmark


def run_all(options: list[str]) -> int:
    """Run one benchmark after the other, also when one fails; return the exit code."""
    failed: list[str] = []
    for name in NAMES:
        if name not in LONG:
            try:
                load_benchmark(name).main(options)
            except Exception:
                traceback.print_exc()
                failed.append(name)
    if failed:
        print(f"These benchmarks failed, see above: {', '.join(failed)}.", file=sys.stderr)
    return int(bool(failed))


def main(arguments: list[str]) -> int:
    match arguments:
        case ["compare", *rest]:
            return compare(rest)
        case ["page", *rest]:
            return make_page(rest)
        case ["all", *rest]:
            return run_all(rest)
        case [name, *rest] if name in NAMES:
            load_benchmark(name).main(rest)
            return 0
    for name in NAMES:
        print(f"{name:14} {load_benchmark(name).question}")
    print(USAGE)
    if arguments and arguments[0] not in ("-h", "--help"):
        print(f"There is no benchmark {arguments[0]!r}.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
