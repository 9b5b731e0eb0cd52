"""What a benchmark is, and how one is run from the command line."""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness.recorder import Recorder, print_result
from benchmarks.harness.results import RESULTS, Goal, Metric, Result, save_result

__all__ = ["Benchmark"]

RUNS = 5
"""Fewer than four could not show any difference to be more than chance (``comparison.py``)."""


@dataclass(frozen=True)
class Benchmark:
    """One question and how it is answered.

    ``quick`` are the options of a run of a few seconds, which shows that everything works and measures nothing.
    """

    name: str
    docstring: str
    run: Callable[[Namespace, Recorder], None]
    metrics: Sequence[Metric]
    goals: Sequence[Goal] = ()
    options: Callable[[ArgumentParser], None] = lambda _parser: None
    quick: Mapping[str, Any] = field(default_factory=dict)
    runs: int = RUNS

    @property
    def question(self) -> str:
        return self.docstring.splitlines()[0]

    def main(self, arguments: Sequence[str]) -> Result:
        """Run it, print the tables, write the result."""
        options = self._parse(arguments)
        record = Recorder(self.name, self.metrics, options)
        print(f"{self.name}: {self.question}", flush=True)
        self.run(options, record)
        result = record.result(self.question, () if options.quick else self.goals)
        print_result(result)
        print(f"written to {save_result(result, options.out)}", flush=True)
        return result

    def _parse(self, arguments: Sequence[str]) -> Namespace:
        parser = ArgumentParser(
            prog=f"python -m benchmarks {self.name}",
            description=self.docstring,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog="Every option's default is what the goals are stated for.",
        )
        parser.add_argument("--runs", type=int, default=self.runs, help="of each subject, in turns (%(default)s)")
        parser.add_argument("--quick", action="store_true", help="everything once and small: to see that it works")
        parser.add_argument("--flames", action="store_true", help="draw flame graphs of the server's processes")
        parser.add_argument("--out", type=Path, default=RESULTS, help="directory for results (%(default)s)")
        self.options(parser)
        if parser.parse_known_args(arguments)[0].quick:
            parser.set_defaults(runs=1, **self.quick)
        return parser.parse_args(arguments)
