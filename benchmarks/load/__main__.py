"""Run the job on standard input."""

from __future__ import annotations

import json
import sys

from benchmarks.load.closed import run_closed
from benchmarks.load.paced import run_paced
from benchmarks.load.posts import run_posts
from benchmarks.load.sessions import run_sessions

JOBS = {"closed": run_closed, "paced": run_paced, "posts": run_posts, "sessions": run_sessions}

if __name__ == "__main__":
    job = json.loads(sys.stdin.readline())
    JOBS[job["kind"]](job)
