"""Windows of a browser, used as a person uses them: by the roles and names that a screen reader reads out."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

from tests.e2e.official_client import BROWSER_SECONDS_MAX, CLIENTS, OfficialClient, node_executable

__all__ = ["Browser", "Window"]


class Browser(OfficialClient):
    """Headless Chromium. Its windows share nothing: each has storage of its own."""

    def __init__(self) -> None:
        super().__init__([node_executable(), str(CLIENTS / "windows.mjs")])

    def open(self, url: str, **options: Any) -> Window:
        """Open an address in a new window. ``width``, ``height``, ``dark`` and ``still`` say how it looks."""
        window = Window(self, f"window {len(self._events)} of {url}")
        window.perform("open", url=url, **options)
        return window

    def perform(self, **command: Any) -> Any:
        return self._result(self._send(command), seconds=BROWSER_SECONDS_MAX)

    def start_command(self, **command: Any) -> int:
        """Begin a command without waiting for it; ``finish`` takes the number."""
        return self._send(command)

    def _end(self) -> None:
        # The end of its input: killed, it would leave its browser behind.
        assert self._process.stdin is not None
        self._process.stdin.close()


class Window:
    """One window. Every operation waits until it can be done."""

    def __init__(self, browser: Browser, name: str) -> None:
        self._browser = browser
        self.name = name

    def perform(self, op: str, **arguments: Any) -> Any:
        return self._browser.perform(op=op, window=self.name, **arguments)

    def click(self, role: str, name: str) -> None:
        self.perform("click", role=role, name=name)

    def fill(self, label: str, value: str) -> None:
        self.perform("fill", label=label, value=value)

    def select(self, label: str, value: str) -> None:
        self.perform("select", label=label, value=value)

    def press(self, key: str) -> None:
        self.perform("press", key=key)

    def wait(self, role: str, name: str | None = None, **how: Any) -> None:
        """Wait for an element; ``text=`` is what it contains, ``gone=True`` waits until there is none."""
        self.perform("wait", role=role, **({} if name is None else {"name": name}), **how)

    def text(self, role: str, name: str) -> str:
        text: str = self.perform("text", role=role, name=name)
        return text

    def choose(self, label: str, name: str, content_type: str, data: bytes) -> None:
        """Choose a file in a field for one."""
        file = {"name": name, "type": content_type, "data": b64encode(data).decode()}
        self.perform("choose", label=label, files=[file])

    def slow_uploads(self, bytes_a_second: int) -> None:
        self.perform("slow_uploads", bytes=bytes_a_second)

    def start_watching_progress(self, name: str) -> int:
        """Begin to note what a progress bar shows; ``finish`` of the browser gives the values when it is gone."""
        return self._browser.start_command(op="progress", window=self.name, name=name)

    def screenshot(self, path: Path) -> None:
        self.perform("screenshot", path=str(path))

    def complaints(self) -> list[str]:
        """Return what the page has complained of: exceptions, and errors on its console."""
        complaints: list[str] = self.perform("complaints")
        return complaints

    def barriers(self) -> list[str]:
        """Return what axe finds on the page that keeps people from using it: contrast, names, roles."""
        barriers: list[str] = self.perform("barriers")
        return barriers

    def close(self) -> None:
        self.perform("close")
