"""``rtdb check``: walk a whole data directory and say whether it is in order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtdb.blobstore.check import check_blobs
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

    Every index entry must have its document and every document its entries, the log's chain must be unbroken, the
    counts must agree, and the content of every file must be there and be what its hash says. Reads only; the server
    may be running. Ends with 0 if all is well and 1 if not.
    """
    try:
        with messages.status(f"Checking {data_dir} …"):
            report = storage_check.check(data_dir)
        with messages.status(f"Checking the files in {data_dir} …"):
            files = check_blobs(data_dir)
    except RtdbError as error:
        fail(error)
    for problem in [*report.problems, *files.problems][:PROBLEMS_SHOWN_MAX]:
        results.print(f"✗ {problem}", markup=False)
    problems = report.problems_total + files.problems_total
    if problems > PROBLEMS_SHOWN_MAX:
        results.print(f"… and {problems - PROBLEMS_SHOWN_MAX:,} more")
    if files.unused:
        since = f", for {files.unused_seconds / 3600:,.1f} h" if files.unused_seconds >= 360 else ""
        results.print(
            f"{files.unused:,} contents ({files.unused_bytes:,} bytes) are of no file any more{since}: "
            "a running server removes them in time."
        )
    walked = (
        f"{report.documents:,} documents, {report.entries:,} index entries, {report.blocks:,} blocks of the log, "
        f"{files.files:,} files with {files.blobs:,} different contents ({files.bytes:,} bytes)"
    )
    if problems:
        results.print(f"{data_dir} is damaged: {problems:,} problems in {walked}.", markup=False)
        raise typer.Exit(EXIT_FAILURE)
    results.print(f"{data_dir} is in order: {walked}.", markup=False)
