"""Every benchmark in its quick form, for what it does and not for how fast: the server, floors and load that it starts
work together, everything it declares is measured, and the file it writes can be read, compared and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES, load_benchmark, main
from benchmarks.harness.results import load_results

NOT_WITHOUT_NPM = {"peers"}
"""Installs other servers first, which takes minutes; each of its parts is used by the others too."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(NAMES) - NOT_WITHOUT_NPM))
def test_benchmark_measures_what_it_declares(name: str, tmp_path: Path) -> None:
    benchmark = load_benchmark(name)
    result = benchmark.main(["--quick", "--out", str(tmp_path)])
    assert [read.benchmark for read in load_results(tmp_path)] == [name]
    assert {series.metric.name for series in result.series if series.role is None} == {
        metric.name for metric in benchmark.metrics
    }
    assert all(len(series.values) == 1 for series in result.series)
    assert [note for note in result.notes if "times" in note] == []


def test_every_goal_is_about_a_declared_metric_and_says_one_bound() -> None:
    for name in NAMES:
        benchmark = load_benchmark(name)
        for goal in benchmark.goals:
            assert goal.metric in {metric.name for metric in benchmark.metrics}
            assert (goal.at_least is None) != (goal.at_most is None)


def test_list_names_every_benchmark_with_its_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in NAMES:
        assert any(line.startswith(name) and line.rstrip().endswith("?") for line in lines), name


@pytest.mark.slow
def test_a_benchmark_that_fails_does_not_keep_the_others_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.__main__.NAMES", ("no_such_module", "matching"))
    assert main(["all", "--quick", "--out", str(tmp_path)]) == 1
    assert [read.benchmark for read in load_results(tmp_path)] == ["matching"]
    assert "These benchmarks failed, see above: no_such_module." in capsys.readouterr().err


def test_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 2
    assert "There is no benchmark 'nonsense'." in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_help_explains_workload_floor_and_goal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    text = capsys.readouterr().out
    assert all(word in text for word in ("Workload", "Floor", "Good", "--quick"))
