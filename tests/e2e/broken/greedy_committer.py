"""A committer that never finds a step too long."""

from __future__ import annotations

import sys

from rtdb.transaction import maintenance
from rtdb.transaction.committer import main

if __name__ == "__main__":
    vars(maintenance)["CHUNK_DOCUMENTS_MIN"] = vars(maintenance)["CHUNK_DOCUMENTS_MAX"] = 10**6
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
