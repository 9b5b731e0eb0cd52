"""``rtdb check``: walk a whole data directory and say whether it is in order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtdb.cli.output import EXIT_FAILURE, fail, messages, results
from rtdb.errors import RtdbError
from rtdb.storage import check as storage_check

__all__ = ["check"]

PROBLEMS_SHOWN_MAX = 100


def check(
    data_dir: Annotated[
        Path,
        typer.Option(help="Directory of the database.", metavar="DIR", envvar="RTDB_DATA_DIR", show_envvar=True),
    ],
) -> None:
    """Check that a data directory is intact.

    Every index entry must have its document and every document its entries, the log's chain must be unbroken, and
    the counts must agree. Reads only; the server may be running. Ends with 0 if all is well and 1 if not.
    """
    try:
        with messages.status(f"Checking {data_dir} …"):
            report = storage_check.check(data_dir)
    except RtdbError as error:
        fail(error)
    for problem in report.problems[:PROBLEMS_SHOWN_MAX]:
        results.print(f"✗ {problem}", markup=False)
    hidden = report.problems_total - PROBLEMS_SHOWN_MAX
    if hidden > 0:
        results.print(f"… and {hidden:,} more")
    walked = f"{report.documents:,} documents, {report.entries:,} index entries, {report.blocks:,} blocks of the log"
    if not report.is_clean:
        results.print(f"{data_dir} is damaged: {report.problems_total:,} problems in {walked}.", markup=False)
        raise typer.Exit(EXIT_FAILURE)
    results.print(f"{data_dir} is in order: {walked}.", markup=False)
