"""``python -m benchmarks page DIR``: plots of the results in a directory, as PNG files beside them, and one page with
all.

The page is a single file: plots and flame graphs are inside it. Bars are medians, whiskers the lowest and highest run.
For latencies there is a curve of every percentile, on a scale of nines. Needs matplotlib (``pip install
'rtdb[bench]'``).
"""

from __future__ import annotations

import argparse
import base64
import html
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from hdrh.histogram import HdrHistogram

from benchmarks.harness.recorder import judgement_text, result_tables
from benchmarks.harness.results import RESULTS, Metric, Result, Series, load_results

__all__ = ["make_page"]

PAGE_NAME = "index.html"
PERCENTILE_NINES = (0.5, 0.9, 0.99, 0.999, 0.9999)
CURVE_POINTS = 200
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px;
  margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; font-size: 13px; margin: 1em 0; }
th, td { border-bottom: 1px solid #ddd; padding: 2px 10px 2px 0; text-align: left; font-variant-numeric: tabular-nums; }
pre { white-space: pre-wrap; background: #f6f6f6; padding: 1em; font-size: 13px; }
img { max-width: 100%; } iframe { width: 100%; height: 600px; border: 1px solid #ddd; }
.met { color: #17692f; } .missed { color: #b3261e; } .open { color: #777; }
"""


def make_page(arguments: Sequence[str]) -> int:
    """Write the plots and the page; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks page", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directory", type=Path, nargs="?", default=RESULTS, help="where the results are (%(default)s)")
    options = parser.parse_args(arguments)
    try:
        results = list(load_results(options.directory))
    except (OSError, msgspec.DecodeError) as error:
        print(f"Cannot read the results: {error}", file=sys.stderr)
        return 2
    if not results:
        print(f"There are no results in {options.directory}.", file=sys.stderr)
        return 2
    try:
        import matplotlib  # noqa: PLC0415  # optional: only plots need it
    except ImportError:
        print("Plots need matplotlib: pip install 'rtdb[bench]'", file=sys.stderr)
        return 2
    matplotlib.use("agg")
    sections = [_section(result, options.directory) for result in results]
    links = " · ".join(f'<a href="#{result.benchmark}">{result.benchmark}</a>' for result in results)
    page = options.directory / PAGE_NAME
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>rtdb benchmarks</title><style>{STYLE}</style>'
        f"<h1>rtdb benchmarks</h1><p>{links}</p>{''.join(sections)}</html>\n"
    )
    print(f"written to {page}")
    return 0


def _section(result: Result, directory: Path) -> str:
    machine = result.machine
    facts = (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / 2**30:.0f} GiB, Linux {machine.kernel}, "
        f"{machine.python}, {machine.gateways} gateways, rtdb {machine.commit}, {result.began}, "
        f"{result.seconds:.0f} s, load average {min(result.load_averages):.1f}–{max(result.load_averages):.1f}"
    )
    kind = " (a quick run, which measures nothing)" if result.quick else " (profiled)" if result.profiled else ""
    parts = [f'<h2 id="{result.benchmark}">{result.benchmark}{kind}</h2><p>{html.escape(result.question)}</p>']
    parts.append(f"<p><small>{html.escape(facts)}</small></p>")
    parts += [f"<p><strong>Note:</strong> {html.escape(note)}</p>" for note in result.notes]
    for judgement in result.judgements:
        word = {None: "open", True: "met", False: "missed"}[judgement.met]
        parts.append(f'<div class="{word}">{html.escape(judgement_text(judgement))}</div>')
    for path in _plots(result, directory):
        encoded = base64.b64encode(path.read_bytes()).decode()
        parts.append(f'<img alt="{path.stem}" src="data:image/png;base64,{encoded}">')
    for table in result_tables(result):
        head, *rows = table
        lines = [f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
        heads = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        parts.append(
            f"<details open><summary>numbers</summary><table><tr>{heads}</tr>{''.join(lines)}</table></details>"
        )
    for graph in sorted((directory / "flames").glob(f"{result.benchmark}-*.svg")):
        encoded = base64.b64encode(graph.read_bytes()).decode()
        frame = f'<iframe loading="lazy" src="data:image/svg+xml;base64,{encoded}"></iframe>'
        parts.append(f"<details><summary>flame graph: {html.escape(graph.stem)}</summary>{frame}</details>")
    parts.append(f"<details><summary>options</summary><pre>{html.escape(str(result.options))}</pre></details>")
    return f"<section>{''.join(parts)}</section>"


def _plots(result: Result, directory: Path) -> Iterator[Path]:
    by_metric: dict[str, list[Series]] = {}
    for series in result.series:
        if series.role is None:
            by_metric.setdefault(series.metric.name, []).append(series)
    if by_metric:
        yield _bars(result.benchmark, by_metric, directory / f"{result.benchmark}.png")
    if result.histograms:
        yield _curves(result, directory / f"{result.benchmark}-latency.png")


def _bars(title: str, by_metric: dict[str, list[Series]], path: Path) -> Path:
    from matplotlib.figure import Figure  # noqa: PLC0415  # optional

    columns = min(3, len(by_metric))
    rows = -(-len(by_metric) // columns)
    figure = Figure(figsize=(5 * columns, 3.2 * rows), layout="constrained")
    figure.suptitle(title)
    for place, all_series in enumerate(by_metric.values(), start=1):
        axes = figure.add_subplot(rows, columns, place)
        variants = list(dict.fromkeys(series.variant for series in all_series))
        subjects = list(dict.fromkeys(series.subject for series in all_series))
        width = 0.8 / len(subjects)
        for number, subject in enumerate(subjects):
            chosen = [series for series in all_series if series.subject == subject]
            medians = [statistics.median(series.values) for series in chosen]
            below = [median - min(series.values) for median, series in zip(medians, chosen, strict=True)]
            above = [max(series.values) - median for median, series in zip(medians, chosen, strict=True)]
            places = [variants.index(series.variant) + number * width for series in chosen]
            axes.bar(places, medians, width, yerr=[below, above], label=subject, capsize=2)
        axes.set_xticks([index + 0.4 - width / 2 for index in range(len(variants))], variants, rotation=20, fontsize=7)
        axes.set_title(_axis(all_series[0].metric), fontsize=9)
        axes.tick_params(axis="y", labelsize=7)
        if len(subjects) > 1:
            axes.legend(fontsize=7)
    figure.savefig(path, dpi=110)
    return path


def _axis(metric: Metric) -> str:
    direction = {"higher": ", more is better", "lower": ", less is better", "neither": ""}[metric.better]
    return f"{metric.name} [{metric.unit}]{direction}" if metric.unit else f"{metric.name}{direction}"


def _curves(result: Result, path: Path) -> Path:
    from matplotlib.figure import Figure  # noqa: PLC0415  # optional
    from matplotlib.ticker import LogLocator, ScalarFormatter  # noqa: PLC0415  # optional

    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    for histogram in result.histograms:
        decoded = HdrHistogram.decode(histogram.encoded)
        # 1 − share falls from 1 to one in all that were recorded, in equal steps of its logarithm.
        rest = [decoded.total_count ** (-step / CURVE_POINTS) for step in range(CURVE_POINTS + 1)]
        values = [decoded.get_value_at_percentile(100 * (1 - left)) / 1000 for left in rest]
        axes.plot([1 / left for left in rest], values, label=f"{histogram.variant}: {histogram.name}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(
        [1 / (1 - share) for share in PERCENTILE_NINES], [f"p{100 * share:g}" for share in PERCENTILE_NINES]
    )
    axes.xaxis.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.minorticks_off()
    axes.set_ylabel("ms")
    axes.set_title(f"{result.benchmark}: latency by percentile", fontsize=10)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=110)
    return path
