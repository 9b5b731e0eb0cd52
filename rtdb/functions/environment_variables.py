"""Environment variables: what an app is set up with beside its code, sealed at rest (platform §5).

::

    document of `_environment_variables`     {name, value}; its id follows from the name
    value    version 01 ‖ AES-128-GCM-SIV(the text, associated data: the name) ‖ tag (16)

The key follows from the instance secret, which lies outside the database: the data alone, or a backup of it, shows
names and lengths. A value cannot be moved to another name. The nonce is fixed, which this cipher is made for: setting a
variable to what it is changes nothing, and nobody's queries run again.

A lookup is a read of that name's document, present or absent, so a change wakes exactly the queries that have asked for
the name. The built-in names belong to the server, cannot be set and do not change while it runs.

A value is put into nothing but results: no error and no log line of ours holds one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from rtdb.config import Limits
from rtdb.functions.environment_context import check_variable_name, unreadable_error
from rtdb.storage.system_tables import ENVIRONMENT_VARIABLES_TABLE, environment_variable_id
from rtdb.transaction.transaction import Transaction
from rtdb.values.json_codec import decode_canonical

__all__ = ["EnvironmentVariables", "SealedVariable"]

VERSION: Final = b"\x01"
NONCE: Final = bytes(12)
TAG_BYTES: Final = 16


class SealedVariable(msgspec.Struct, frozen=True):
    """A variable as it is stored."""

    id: str
    creation_time: float
    name: str
    value: bytes

    @property
    def size(self) -> int:
        """Bytes of the name and of the text of the value."""
        return len(self.name) + len(self.value) - len(VERSION) - TAG_BYTES


class EnvironmentVariables:
    """The variables of one server: its built-in ones, and those in its database."""

    def __init__(self, key: bytes, built_in: Mapping[str, str], limits: Limits) -> None:
        self._cipher = AESGCMSIV(key)
        self.built_in = built_in
        self.limits = limits

    def lookup(self, transaction: Transaction, name: str) -> str | None:
        """Return a variable's value, None if it is not set. Raises DeveloperError for what cannot be a name."""
        built_in = self.built_in.get(name)
        if built_in is not None:
            return built_in
        check_variable_name(name, self.limits.environment_name_bytes_max)
        variable = self._stored(transaction, name)
        if variable is None:
            return None
        value = self.open(variable)
        if value is None:
            raise unreadable_error(name)
        return value

    def all_stored(self, transaction: Transaction) -> Iterator[SealedVariable]:
        """Yield all that were set."""
        table = transaction.registry.table_by_number(ENVIRONMENT_VARIABLES_TABLE)
        assert table is not None, "system tables are always there"
        return map(_variable, transaction.platform.scan_table(table))

    def values(self, transaction: Transaction) -> dict[str, str]:
        """Return all variables that can be read, by their names, the built-in ones included."""
        stored = {variable.name: self.open(variable) for variable in self.all_stored(transaction)}
        return {**self.built_in, **{name: value for name, value in stored.items() if value is not None}}

    def put(self, transaction: Transaction, name: str, value: str) -> int:
        """Set a variable and return its size. Nothing is written if it has that value already."""
        sealed = self.seal(name, value)
        stored = self._stored(transaction, name)
        if stored is None or stored.value != sealed:
            fields = {"name": name, "value": sealed}
            transaction.platform.put(ENVIRONMENT_VARIABLES_TABLE, environment_variable_id(name), fields)
        return len(name) + len(value.encode())

    def remove(self, transaction: Transaction, name: str) -> None:
        """Unset a variable that is set."""
        transaction.platform.delete(ENVIRONMENT_VARIABLES_TABLE, environment_variable_id(name))

    def seal(self, name: str, value: str) -> bytes:
        """Return a value as it is stored under this name."""
        return VERSION + self._cipher.encrypt(NONCE, value.encode(), name.encode())

    def open(self, variable: SealedVariable) -> str | None:
        """Return the text of a value, None if it was not sealed under this name with this server's secret."""
        if not variable.value.startswith(VERSION):
            return None
        try:
            return self._cipher.decrypt(NONCE, variable.value[len(VERSION) :], variable.name.encode()).decode()
        except InvalidTag:
            return None

    def _stored(self, transaction: Transaction, name: str) -> SealedVariable | None:
        stored = transaction.platform.get_stored(ENVIRONMENT_VARIABLES_TABLE, environment_variable_id(name))
        return None if stored is None else _variable(decode_canonical(stored.data))


def _variable(document: Any) -> SealedVariable:
    return SealedVariable(document["_id"], document["_creationTime"], document["name"], document["value"])
