"""A runner on a machine where Deno is not installed."""

from __future__ import annotations

import sys
from typing import Any

from rtdb.functions.runner_process import main

if __name__ == "__main__":
    installed: dict[str, Any] = sys.modules
    installed["deno"] = None  # what the interpreter understands as: there is no such package
    main()
