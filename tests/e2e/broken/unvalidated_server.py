"""A server whose committer finds no conflicts: every mutation commits, whatever was written since it read."""

from __future__ import annotations

from tests.e2e.broken.swapped import run

if __name__ == "__main__":
    run("tests.e2e.broken.unvalidated_server", {"rtdb.transaction.committer": "tests.e2e.broken.unvalidated_committer"})
