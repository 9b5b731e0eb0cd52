"""What an app contains, in words that no programming language owns.

A runner makes a description from the code it loaded; the hub, the gateways and a deploy know the app by it alone.
Validators and the schema are the JSON of data-model §4.1, so that an app written in another language describes itself
in exactly the same way.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rtdb.link.frames import FunctionKind

__all__ = [
    "CronDescription",
    "Description",
    "FunctionDescription",
    "Position",
    "RouteDescription",
    "VariableDescription",
    "decode_description",
    "encode_description",
]


class Position(msgspec.Struct, frozen=True):
    """A place in a developer's source: ``path`` as the source map names it; line and column are counted from 0."""

    path: str
    line: int
    column: int


class FunctionDescription(msgspec.Struct, frozen=True, omit_defaults=True):
    """One function: ``path`` is canonical (``folder/module:export``), ``returns`` None when nothing was declared.

    ``position`` is where it is defined, None where nobody can tell; ``in_node``, whether it runs in Node.
    """

    path: str
    kind: FunctionKind
    internal: bool
    args: dict[str, Any]
    returns: dict[str, Any] | None
    position: Position | None = None
    in_node: bool = False


class RouteDescription(msgspec.Struct, frozen=True):
    """One HTTP route: ``path`` is exact, or a prefix followed by ``*``."""

    path: str
    method: str


class CronDescription(msgspec.Struct, frozen=True):
    """One cron job: ``args`` is the encoded JSON of an object, ``schedule`` as in rtdb/scheduler/schedule.py."""

    name: str
    path: str
    args: dict[str, Any]
    schedule: dict[str, Any]


class VariableDescription(msgspec.Struct, frozen=True):
    """An environment variable that the app declares: ``validator`` is the JSON text of one of strings."""

    name: str
    validator: str
    optional: bool


class Description(msgspec.Struct, frozen=True):
    """An app: its functions in the order of their paths, its schema's JSON (None: no schema), its HTTP routes
    (None: no HTTP actions), its cron jobs in the order of their names, the providers of identities it trusts (None: it
    says nothing of them), and the environment variables it declares (None: it declares nothing of them)."""

    functions: list[FunctionDescription]
    schema: dict[str, Any] | None
    routes: list[RouteDescription] | None = None
    crons: list[CronDescription] = []
    auth: list[dict[str, Any]] | None = None
    environment: list[VariableDescription] | None = None

    @property
    def has_actions(self) -> bool:
        """Whether there is anything in it that action runners are needed for."""
        return self.routes is not None or any(function.kind == "action" for function in self.functions)


_decoder = msgspec.json.Decoder(Description)


def encode_description(description: Description) -> bytes:
    """Return the description as JSON with sorted keys: equal apps have equal descriptions."""
    return msgspec.json.encode(description, order="deterministic")


def decode_description(data: bytes | str) -> Description:
    """Read what :func:`encode_description` wrote. Raises ``msgspec.ValidationError`` for anything else."""
    return _decoder.decode(data)
