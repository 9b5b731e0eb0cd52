"""``python -m benchmarks NAME [options]``; without a name, the list."""

from __future__ import annotations

import importlib
import sys

NAMES = ("commit", "executor", "fanout", "latency", "matching", "transfer")


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        for name in NAMES:
            summary = (importlib.import_module(f"benchmarks.{name}").__doc__ or "").splitlines()[0]
            print(f"{name:10} {summary}")
        if len(sys.argv) > 1 and sys.argv[1] not in ("-h", "--help"):
            print(f"There is no benchmark {sys.argv[1]!r}.", file=sys.stderr)
        sys.exit(0 if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help") else 2)
    importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
