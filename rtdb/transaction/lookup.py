"""What the names and ids in an app's code refer to: tables, indexes, documents; and what it may not see.

Every lookup is a read, also of what is not there. An app sees its own tables with ``ctx.db``, and some tables of the
platform with ``ctx.db.system``; the platform's other tables do not exist for it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from rtdb.errors import BadRequestError, DeveloperError
from rtdb.index.definition import IndexDefinition, TableDefinition
from rtdb.schema.schema import check_table_name
from rtdb.storage.system_tables import FIRST_USER_TABLE, VISIBLE_SYSTEM_TABLES
from rtdb.transaction.workspace import Workspace
from rtdb.values.document_id import decode_id

__all__ = ["Located", "Lookup", "Verb", "invalid_argument"]

Verb = Literal["get", "patch", "replace", "delete"]


class Located(NamedTuple):
    """Where an id points to; ``definition`` is None when no table that may be seen has its number."""

    number: int
    internal: bytes
    definition: TableDefinition | None


class Lookup:
    """Finds what is named, in ``workspace``. Raises DeveloperError, also once the call it belongs to has ended."""

    def __init__(self, workspace: Workspace, tables_max: int) -> None:
        self._workspace = workspace
        self._tables_max = tables_max

    def table(self, name: str) -> TableDefinition | None:
        """Return the table of this name, whosever it is."""
        self._workspace.require_open()
        return self._workspace.find_table(name)

    def visible_table(
        self, name: str, method: Literal["query", "normalizeId"], *, system: bool
    ) -> TableDefinition | None:
        """Return a table for the app, that of ``ctx.db`` or of ``ctx.db.system``."""
        if name.startswith("_") is not system:
            raise DeveloperError(
                f"User tables can only be accessed from db.{method}()."
                if system
                else f"System tables can only be accessed from db.system.{method}().",
                code="SystemTableError",
            )
        if system and name not in VISIBLE_SYSTEM_TABLES:
            return None
        return self.table(name)

    def index(self, table: str, definition: TableDefinition | None, name: str) -> IndexDefinition:
        """Return an index that an app may read; ``definition`` is what was found of the table ``table``."""
        is_built_in = name in ("by_id", "by_creation_time")
        if not is_built_in:
            self._workspace.depend_on_index_name(table, name)
        index = None if definition is None else definition.indexes.get(name)
        if definition is not None and definition.is_system and not is_built_in:
            index = None  # The platform's own: an app that relied on one would keep it from ever changing.
        if index is None:
            raise DeveloperError(f"Index {table}.{name} not found.", code="IndexNotFoundError")
        if index.state != "ready":
            raise DeveloperError(
                f"Index {table}.{name} is currently backfilling and not available to query yet.",
                code="IndexBackfillingError",
            )
        return index

    def document(self, id: str, table: str | None, verb: Verb, *, system: bool = False) -> Located:
        """Return where an id points to. ``table`` makes an id of another table an error."""
        self._workspace.require_open()
        method = f"system.{verb}" if system else verb
        if not isinstance(id, str):
            raise DeveloperError(
                f"Invalid argument `id` for `db.{method}`, expected string but got '{type(id).__name__}': {id!r}",
                code="InvalidArgument",
            )
        try:
            number, internal = decode_id(id)
        except DeveloperError as error:
            raise invalid_argument("id", method, error.message) from error
        definition = self._workspace.find_table_by_number(number)
        if definition is None:
            return Located(number, internal, None)
        if definition.name.startswith("_") is not system:
            raise DeveloperError(
                "User tables cannot be accessed with db.system."
                if system
                else "System tables can only be accessed with db.system.",
                code="SystemTableError",
            )
        if system and definition.name not in VISIBLE_SYSTEM_TABLES:
            return Located(number, internal, None)
        if table is not None and definition.name != table:
            raise invalid_argument(
                "id", method, f'expected to be an Id<"{table}">, got Id<"{definition.name}"> instead.'
            )
        return Located(number, internal, definition)

    def next_table_number(self, name: str) -> int:
        """Return the number that a new table of this name gets."""
        try:
            check_table_name(name)
        except BadRequestError as error:
            raise DeveloperError(error.message, code=error.code) from error
        self._workspace.depend_on_new_tables()
        number = self._workspace.registry.next_table_number()
        if number - FIRST_USER_TABLE >= self._tables_max:
            raise DeveloperError(f"Number of tables cannot exceed {self._tables_max}.", code="TooManyTables")
        return number


def invalid_argument(argument: str, method: str, cause: str) -> DeveloperError:
    return DeveloperError(f"Invalid argument `{argument}` for `db.{method}`: {cause}", code="InvalidArgument")
