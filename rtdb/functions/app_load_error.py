"""Why an app cannot be loaded."""

from __future__ import annotations

from rtdb.errors import DeveloperError
from rtdb.link.frames import ExecutionError

__all__ = ["AppLoadError", "load_error"]


class AppLoadError(DeveloperError):
    """The app cannot be loaded; ``error`` is what its developer reads."""

    default_code = "InvalidModules"

    def __init__(self, error: ExecutionError) -> None:
        super().__init__(error.message, code=error.code)
        self.error = error


def load_error(message: str, frames: str = "", *, code: str = AppLoadError.default_code) -> AppLoadError:
    return AppLoadError(ExecutionError(code, message, frames))
