"""MemberPulse in TypeScript: pushed by the official command line, its page built by Vite, and used in two windows."""

from __future__ import annotations

import functools
import hmac
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtdb import verify_webhook
from tests.e2e.conftest import StartClient
from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.official_client import CallFailed, node_executable
from tests.e2e.server_process import REPOSITORY, ServerProcess
from tests.e2e.webhook_receiver import open_receiver
from tests.e2e.windows import Browser, Window
from tests.ports import free_port
from tests.waiting import SECONDS_MAX, wait_until

EXAMPLE = REPOSITORY / "examples" / "memberpulse-ts"
CHROMIUM = Path("/usr/bin/chromium")
SECRET = "kept between us"
DEPLOY_KEY = "sixteen-characters-or-more"

needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: make /usr/bin/chromium")


def copy_of_example(directory: Path) -> Path:
    """Return a copy of the example: the command line and Vite write into it."""
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("node_modules", "dist", ".env.local"))
    (directory / "node_modules").symlink_to(EXAMPLE / "node_modules")
    return directory


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_example(tmp_path_factory.mktemp("memberpulse-ts") / "project")


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[ServerProcess]:
    """A server that the project was pushed to."""
    # Symfony is on this machine.
    reach = ["--action-networks-allowed", "127.0.0.0/8"]
    with ServerProcess(project.parent / "data", arguments=reach) as server:
        pushed = CommandLine(project, server).run("dev", "--once")
        assert "Convex functions ready!" in pushed.err, pushed.out + pushed.err
        yield server


class Pages(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def page(project: Path, server: ServerProcess) -> Iterator[str]:
    """The page's address. Where the server is, Vite reads in .env.local, which `convex dev` has written."""
    assert f"VITE_CONVEX_URL={server.url}" in (project / ".env.local").read_text()
    vite = [node_executable(), "node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"]
    built = subprocess.run(vite, cwd=project, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Pages, directory=str(project / "dist"))) as pages:
        thread = threading.Thread(target=pages.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{pages.server_address[1]}/"
        pages.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def ada(browser: Browser, page: str) -> Iterator[Window]:
    yield from window_of("ada", browser, page)


@pytest.fixture
def grace(browser: Browser, page: str) -> Iterator[Window]:
    yield from window_of("grace", browser, page)


def window_of(member: str, browser: Browser, page: str) -> Iterator[Window]:
    window = browser.open(f"{page}?as={member}")
    window.wait("status", text="Live")
    yield window
    # The client complains of every error that it is answered with; this one is the page's to show.
    assert [complaint for complaint in window.complaints() if "EmptySubject" not in complaint] == []
    window.close()


def test_the_types_in_the_repository_are_those_that_the_command_line_makes(
    project: Path, server: ServerProcess
) -> None:
    made = {path.name: path.read_text() for path in (project / "convex" / "_generated").iterdir()}
    assert made == {path.name: path.read_text() for path in (EXAMPLE / "convex" / "_generated").iterdir()}


def test_the_page_has_no_type_errors(project: Path, server: ServerProcess) -> None:
    compiler = [node_executable(), "node_modules/typescript/bin/tsc", "--noEmit"]
    checked = subprocess.run(compiler, cwd=project, capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stdout


@needs_chromium
def test_two_windows_see_each_other(ada: Window, grace: Window) -> None:
    ada.wait("list", "Online now", text="Grace Okafor")
    grace.wait("list", "Online now", text="Ada Lindqvist")
    grace.click("link", "Files")
    ada.wait("listitem", text="Grace Okaforlooks at Files")
    grace.select("Signed in as", "mei")
    ada.wait("list", "Online now", text="Mei Tanaka")
    ada.wait("listitem", text="Grace Okafor", gone=True)


@needs_chromium
def test_a_decision_changes_both_dashboards_and_rings_the_bell(ada: Window, grace: Window) -> None:
    grace.wait("region", "Pending approvals", text="0")
    ada.fill("What is to be approved", "A new laptop")
    ada.click("button", "Request")
    ada.fill("What is to be approved", "  ")
    ada.click("button", "Request")
    ada.wait("status", text="Say what is to be approved.")
    grace.wait("region", "Pending approvals", text="1")
    grace.wait("region", "Recent activity", text="Ada Lindqvist requested A new laptop")
    grace.click("button", "Approve “A new laptop”")
    ada.wait("region", "Pending approvals", text="0")
    ada.wait("region", "Recent activity", text="Grace Okafor approved A new laptop")
    ada.click("button", "Notifications, 1 unread")
    ada.wait("region", "Notifications", text="Approved")
    ada.click("button", "Mark “A new laptop” as read")
    ada.wait("region", "Notifications", text="You have read everything.")
    ada.press("Escape")
    ada.wait("button", "Notifications, 0 unread")


@needs_chromium
def test_a_message_reaches_whom_it_is_for(ada: Window, grace: Window) -> None:
    ada.click("link", "Members")
    ada.select("To", "grace")
    ada.fill("Message", "Lunch is <b>ready</b>")
    ada.click("button", "Send")
    ada.wait("status", text="Grace Okafor has been told.")
    grace.wait("status", text="New notification: From Ada Lindqvist: Lunch is <b>ready</b>")
    grace.click("button", "Notifications, 1 unread")
    grace.wait("region", "Notifications", text="Lunch is <b>ready</b>")
    grace.click("button", "Mark all as read")
    grace.wait("button", "Notifications, 0 unread")


@needs_chromium
def test_an_upload_shows_how_far_it_is_and_then_is_there_for_everybody(
    browser: Browser, ada: Window, grace: Window
) -> None:
    for window in ada, grace:
        window.click("link", "Files")
    ada.slow_uploads(400_000)
    ada.choose("Files to upload", "logo.png", "image/png", picture(360))
    shown = browser.finish(ada.start_watching_progress("Upload of logo.png"))
    assert len(shown) > 2
    assert any(0 < value < 100 for value in shown), shown
    assert all(earlier < later for earlier, later in pairwise(shown)), shown
    grace.wait("list", "Files", text="logo.png")
    ada.wait("list", "Files", text="just now")
    grace.click("button", "Delete logo.png")
    ada.wait("button", "Delete logo.png", gone=True)


@needs_chromium
def test_without_real_time_the_page_asks_again_every_so_often(ada: Window, grace: Window) -> None:
    ada.click("link", "Settings")
    ada.click(
        "switch", "Enable real-time Pages are told of every change. Otherwise they ask again at the sync interval."
    )
    ada.fill("Sync interval (ms)", "300")
    ada.click("button", "Save")
    grace.wait("status", text="Every 0.3 s")
    ada.click("link", "Dashboard")
    ada.fill("What is to be approved", "A room")
    ada.click("button", "Request")
    grace.click("button", "Reject “A room”")
    ada.wait("button", "Notifications, 1 unread")
    ada.click("link", "Settings")
    ada.click(
        "switch", "Enable real-time Pages are told of every change. Otherwise they ask again at the sync interval."
    )
    ada.click("button", "Save")
    grace.wait("status", text="Live")


@needs_chromium
def test_a_page_outlives_a_server_that_is_killed(browser: Browser, page: str, server: ServerProcess) -> None:
    ada, grace = browser.open(f"{page}?as=ada"), browser.open(f"{page}?as=grace")
    for window in ada, grace:
        window.wait("status", text="Live")
    ada.click("link", "Members")
    server.kill()
    ada.wait("status", text="Reconnecting…")
    ada.select("To", "grace")
    ada.fill("Message", "Said while nobody listened")
    ada.click("button", "Send")
    server.start()
    ada.wait("status", text="Grace Okafor has been told.")
    grace.wait("status", text="Live")
    grace.click("button", "Notifications, 1 unread")
    grace.click("button", "Mark “Said while nobody listened” as read")
    for window in ada, grace:
        window.close()


@needs_chromium
def test_the_monitoring_page_has_what_the_pages_measured(ada: Window) -> None:
    ada.click("link", "Monitoring")
    ada.wait("row", text="Query latency (p50)")
    # Until the first report, which a page makes every other second.
    ada.wait("row", text="No data yet", gone=True)
    assert "Alert" in ada.text("region", "Metrics")


@needs_chromium
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_keeps_anybody_from_using_the_page(browser: Browser, page: str, dark: bool) -> None:
    window = browser.open(f"{page}?as=mei", dark=dark, still=True)
    for name in ("Dashboard", "Members", "Files", "Monitoring", "Settings"):
        window.click("link", name)
        window.wait("status", "Loading", gone=True)
        assert window.barriers() == []
    window.click("button", "Notifications, 0 unread")
    assert window.barriers() == []
    window.close()


def test_events_go_to_the_main_application_and_come_from_it_signed(
    server: ServerProcess, start_node: StartClient
) -> None:
    client = start_node(server)
    sync, receive = f"{server.site_url}/sync", f"{server.site_url}/webhooks/symfony"
    key = {"Authorization": f"Bearer {DEPLOY_KEY}"}
    assert httpx.post(sync, json={"event": "x"}, headers=key).json()["code"] == "UnknownDeployKey"
    client.mutation("settings:setDeployKey", {"organizationId": "acme", "deployKey": DEPLOY_KEY, "setBy": "ada"})
    for refused in ("too short", "long enough, but with spaces"):
        with pytest.raises(CallFailed, match="InvalidSetting"):
            client.mutation("settings:setDeployKey", {"organizationId": "acme", "deployKey": refused, "setBy": "ada"})
    shown = client.query("settings:get", {"organizationId": "acme"})["deployKey"]
    assert (shown["lastFour"], shown["setBy"]) == (DEPLOY_KEY[-4:], "ada")
    assert DEPLOY_KEY not in json.dumps(shown)
    assert httpx.post(sync, content="{", headers=key).json()["code"] == "InvalidEvent"
    assert httpx.post(sync, json={"event": "x"}, headers=key).json()["code"] == "WebhookNotConfigured"
    with open_receiver() as symfony:
        configure(server, SYMFONY_WEBHOOK_URL=symfony.url, SYMFONY_WEBHOOK_SECRET=SECRET)
        sent = httpx.post(sync, json={"event": "member.joined", "data": {"name": "Zoë"}}, headers=key)
        assert sent.status_code == symfony.status
        ((_, headers, body),) = symfony.received
    verify_webhook(body, headers["x-convex-signature"], SECRET, now=time.time_ns() // 1_000_000)
    assert json.loads(body) == {"event": "member.joined", "data": {"name": "Zoë"}, "organizationId": "acme"}
    assert httpx.post(sync, json={"event": "x"}, headers=key).json()["code"] == "SymfonyUnreachable"

    unread = client.subscribe("notifications:list", {"userId": "noor"})
    data = {"userId": "noor", "organizationId": "acme", "title": "Symfony", "message": "Zoë has paid"}
    body = json.dumps({"event": "notification", "data": data}).encode()
    seconds = int(time.time())
    for signature in ("", signed(body, seconds, "another"), signed(body + b" ", seconds), signed(body, seconds - 400)):
        answer = httpx.post(receive, content=body, headers={"X-Convex-Signature": signature})
        assert (answer.status_code, answer.json()["code"]) == (401, "InvalidSignature")
    made = httpx.post(receive, content=body, headers={"X-Convex-Signature": signed(body, seconds)})
    assert made.status_code == 201, made.text
    unread.wait(lambda shown: [one["message"] for one in shown] == ["Zoë has paid"])


def test_of_two_who_decide_at_the_same_time_one_is_told_so(server: ServerProcess, start_node: StartClient) -> None:
    client = start_node(server)
    request = {"organizationId": "elsewhere", "requestedBy": "ada", "subject": "A room"}
    decision = {"approvalId": client.mutation("approvals:request", request), "approved": True, "decidedBy": "mei"}
    calls = [
        client.start("mutation", "approvals:decide", decision),
        client.start("http_mutation", "approvals:decide", decision),
    ]
    codes = []
    for call in calls:
        try:
            client.finish(call)
        except CallFailed as refused:
            codes.append(refused.data["code"])
    assert codes == ["AlreadyDecided"]


def test_one_command_starts_all_of_it(tmp_path: Path) -> None:
    directory, port, page_port = copy_of_example(tmp_path / "project"), free_port(), free_port()
    command = [sys.executable, "run.py", "--data-dir", str(tmp_path / "data")]
    log_path = tmp_path / "log"
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            [*command, "--port", str(port), "--page-port", str(page_port)],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "CI": "1"},
        ) as started,
    ):
        try:
            wait_until(lambda: "/src/main.tsx" in got(f"http://127.0.0.1:{page_port}/"), log_path.read_text)
            body = {"path": "notifications:list", "args": {"userId": "ada"}, "format": "json"}
            listed = httpx.post(f"http://127.0.0.1:{port}/api/query", json=body).json()
            assert listed["value"] == []
            # As Ctrl-C in a terminal, which reaches everything that was started in it.
            os.killpg(started.pid, signal.SIGINT)
            started.wait(timeout=SECONDS_MAX)
            assert got(f"http://127.0.0.1:{page_port}/") == ""
            assert got(f"http://127.0.0.1:{port}/") == ""
        finally:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)


def got(url: str) -> str:
    """Return what is at an address; nothing when nobody answers."""
    try:
        return httpx.get(url).text
    except httpx.TransportError:
        return ""


def picture(side: int) -> bytes:
    """Return a square of noise, which no compression makes smaller."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + os.urandom(side * 3) for _ in range(side)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def signed(body: bytes, seconds: int, secret: str = SECRET) -> str:
    """Return the signature as another system makes it."""
    return f"t={seconds},v1={hmac.new(secret.encode(), f'{seconds}.'.encode() + body, 'sha256').hexdigest()}"


def configure(server: ServerProcess, **values: str) -> None:
    """Set environment variables."""
    response = httpx.post(
        f"{server.url}/api/update_environment_variables",
        json={"changes": [{"name": name, "value": value} for name, value in values.items()]},
        headers={"Authorization": f"Convex {server.admin_key}"},
    )
    assert response.status_code == 200, response.text
