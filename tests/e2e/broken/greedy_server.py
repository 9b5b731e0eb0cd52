"""A server whose committer builds an index in one go, while everybody waits."""

from __future__ import annotations

from tests.e2e.broken.swapped import run

if __name__ == "__main__":
    run("tests.e2e.broken.greedy_server", {"rtdb.transaction.committer": "tests.e2e.broken.greedy_committer"})
