"""Start the server from a checkout: ``python server.py --data-dir DIR --functions DIR``.

This is ``rtdb serve`` under a name that is easy to find. Settings are read in ``rtdb/config_loader.py``; processes are
started in ``rtdb/link/supervisor.py``.
"""

from rtdb.cli.main import serve_main

if __name__ == "__main__":
    serve_main()
