"""Which client is asking, in which version, and what that changes (http-api §1, sync-protocol §1.1).

The header ``Convex-Client: <name>-<semver>`` wins; a sync session may name an npm version in its path instead;
neither means an unknown client, which is served like a current one.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

import msgspec

from rtdb.errors import BadRequestError

__all__ = [
    "UNKNOWN_CLIENT",
    "ClientVersion",
    "Support",
    "UnsupportedClientError",
    "parse_client_header",
    "parse_path_version",
]

_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
)

Release = tuple[int, int, int]


class Support(Enum):
    """How a client of this version is treated."""

    SUPPORTED = "supported"
    UPGRADE_REQUIRED = "UpgradeRequired"
    """Served, with a warning in the response headers."""
    UNSUPPORTED = "Unsupported"


UNSUPPORTED_THROUGH: dict[str, Release] = {
    "npm": (0, 19, 1),
    "npm-cli": (0, 19, 1),
    "actions": (0, 19, 1),
    "python": (0, 0, 2),
    "rust": (0, 0, 1),
}
UPGRADE_REQUIRED_THROUGH: dict[str, Release] = {"python": (0, 2, 0)}
ENCODED_FORMAT_BELOW: dict[str, Release] = {
    "npm": (1, 4, 1),
    "npm-cli": (1, 4, 1),
    "actions": (1, 4, 1),
    "python": (0, 5, 0),
}

TRANSITION_CHUNKS_SINCE: Release = (1, 28, 0)

BELOW_EVERYTHING: Release = (-1, -1, -1)
"""The release of a known client whose version is not a semantic version."""


class ClientVersion(msgspec.Struct, frozen=True):
    """A client's name and version; ``release`` orders a pre-release below its release through ``prerelease``."""

    name: str
    release: Release
    prerelease: bool = False
    text: str = ""

    def _at_most(self, limit: Release) -> bool:
        return (self.release, not self.prerelease) <= (limit, True)

    @property
    def support(self) -> Support:
        limit = UNSUPPORTED_THROUGH.get(self.name)
        if limit is not None and self._at_most(limit):
            return Support.UNSUPPORTED
        limit = UPGRADE_REQUIRED_THROUGH.get(self.name)
        if limit is not None and self._at_most(limit):
            return Support.UPGRADE_REQUIRED
        return Support.SUPPORTED

    @property
    def encoded_format_by_default(self) -> bool:
        """Whether results are written in the tagged encoding when no format is named (http-api §3)."""
        limit = ENCODED_FORMAT_BELOW.get(self.name)
        return limit is not None and (self.release, not self.prerelease) < (limit, True)

    @property
    def accepts_transition_chunks(self) -> bool:
        """Whether a large transition may be sent in chunks (sync-protocol §4.2)."""
        return self.name == "npm" and (self.release, not self.prerelease) >= (TRANSITION_CHUNKS_SINCE, True)

    @property
    def deprecation_headers(self) -> list[tuple[bytes, bytes]]:
        """The response headers that tell the developer to upgrade; empty for a supported client."""
        if self.support is Support.SUPPORTED:
            return []
        return [
            (b"x-convex-deprecation-state", self.support.value.encode()),
            (b"x-convex-deprecation-message", self.deprecation_message.encode()),
        ]

    @property
    def deprecation_message(self) -> str:
        verb = "is no longer supported" if self.support is Support.UNSUPPORTED else "is deprecated"
        # The text is the client's own; only what may stand in a header is repeated.
        version = "".join(character for character in self.text if character.isascii() and character.isprintable())
        return f"The Convex {self.name} client version {version} {verb}. Upgrade to the latest version."

    def require_supported(self) -> None:
        """Raise ``ClientVersionUnsupported`` for a client that is too old to be served."""
        if self.support is Support.UNSUPPORTED:
            raise UnsupportedClientError(self)


class UnsupportedClientError(BadRequestError):
    """A client too old to be served; its answer carries the deprecation headers."""

    default_code = "ClientVersionUnsupported"

    def __init__(self, client: ClientVersion) -> None:
        super().__init__(client.deprecation_message)
        self.client = client


UNKNOWN_CLIENT = ClientVersion("unknown", (0, 0, 0))


def _parse_release(text: str) -> tuple[Release, bool] | None:
    match = _SEMVER.fullmatch(text)
    if match is None or len(text) > 64:
        return None
    return (int(match[1]), int(match[2]), int(match[3])), match[4] is not None


@lru_cache(maxsize=256)
def parse_client_header(header: str) -> ClientVersion:
    """Return the client a ``Convex-Client`` header names. Raises ``InvalidClientVersion``.

    The longest suffix behind a hyphen that is a semantic version is the version, the rest the name.
    """
    parts = header.split("-")
    if len(parts) < 2:
        raise BadRequestError(
            f"Failed to parse client version string: '{header[:100]}'. It must have the form name-version.",
            code="InvalidClientVersion",
        )
    for cut in range(1, len(parts)):
        text = "-".join(parts[cut:])
        parsed = _parse_release(text)
        if parsed is not None:
            return ClientVersion("-".join(parts[:cut]), parsed[0], parsed[1], text)
    known = next((name for name in ("npm-cli", *UNSUPPORTED_THROUGH) if header.startswith(name + "-")), None)
    if known is not None:
        return ClientVersion(known, BELOW_EVERYTHING, text=header[len(known) + 1 :][:100])
    return ClientVersion(parts[0], (0, 0, 0), text="-".join(parts[1:])[:100])


@lru_cache(maxsize=256)
def parse_path_version(segment: str) -> ClientVersion:
    """Return the npm client that ``/api/<segment>/sync`` names. Raises ``InvalidClientVersion``."""
    parsed = _parse_release(segment)
    if parsed is None:
        raise BadRequestError(f"Failed to parse client version: '{segment[:100]}'", code="InvalidClientVersion")
    return ClientVersion("npm", parsed[0], parsed[1], segment)
