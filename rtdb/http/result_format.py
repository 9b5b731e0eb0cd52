"""How results are written (http-api §3): the name of a format, and the function that rewrites canonical bytes into
it."""

from __future__ import annotations

from collections.abc import Callable

from rtdb.errors import BadRequestError
from rtdb.http.client_version import ClientVersion
from rtdb.values.json_codec import to_clean, to_export

__all__ = ["ResultFormat", "choose_format"]

ResultFormat = Callable[[bytes], bytes]


def _as_it_is(data: bytes) -> bytes:
    return data


_FORMATS: dict[str, ResultFormat] = {
    "convex_encoded_json": _as_it_is,
    "convex_json": _as_it_is,
    "json": to_clean,
    "convex_clean_json": to_clean,
    "export_json": to_export,
}


def choose_format(name: str | None, client: ClientVersion) -> ResultFormat:
    """Return the named format, or what this client expects when it names none. Raises ``BadFormat``."""
    if name is None:
        return _as_it_is if client.encoded_format_by_default else to_clean
    found = _FORMATS.get(name)
    if found is None:
        raise BadRequestError(f"format param must be one of [`json`]. Got {name[:100]}", code="BadFormat")
    return found
