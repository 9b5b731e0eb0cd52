"""The server's own functions, called like an app's but only by those who may call anything.

=============================  =========================================================================================
``_system/deployments:push``   makes an app the active deployment: tables, indexes, schema and the switch, all at once
``_system/deployments:current``  the active deployment, or null
=============================  =========================================================================================

They run in ordinary transactions: a push conflicts with writes that its check of the documents has not seen, and
every function has read the deployment, so a push makes executions in flight run again on the new code. A push that
fails has changed nothing.

A `_deployments` document is ``{state: "active", bundle, description}``; the one before is deleted in the same
transaction. Its id follows from the bundle, so that a runner knows from a snapshot whether its code is the active
one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from blake3 import blake3

from rtdb.config import Limits
from rtdb.errors import DeveloperError, LimitError, ValidationError
from rtdb.functions.description import decode_description
from rtdb.index.definition import IndexDefinition, IndexState, TableDefinition
from rtdb.link.frames import FunctionKind
from rtdb.schema.compiled import compile_document_validator
from rtdb.schema.schema import Schema, schema_from_json
from rtdb.schema.schema_change import compare_schemas
from rtdb.storage.system_tables import DEPLOYMENTS_TABLE, INDEXES_TABLE, TABLES_TABLE, index_document_id
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.json_codec import decode_canonical, encode

__all__ = ["SYSTEM_FUNCTIONS", "SYSTEM_PATH_PREFIX", "SystemFunction", "deployment_document_id", "push_arguments"]

SYSTEM_PATH_PREFIX = "_system/"
"""What the paths of all functions here begin with; an app has none there."""

Arguments = dict[str, Any]


class SystemFunction(msgspec.Struct, frozen=True):
    """One of the server's own functions; its handler gets the transaction, the decoded arguments and the limits."""

    kind: FunctionKind
    handler: Callable[[Transaction, Arguments, Limits], Any]


def push_arguments(bundle: str, description: bytes) -> bytes:
    """Return the encoded arguments of a push. The description travels as text: its JSON is not that of values."""
    return encode({"bundle": bundle, "description": description.decode()})


def deployment_document_id(bundle: str) -> str:
    """Return the id of the deployment of this bundle, as :attr:`Snapshot.deployment` shows it while it is active."""
    return encode_id(DEPLOYMENTS_TABLE, _internal_id(bundle))


def _internal_id(bundle: str) -> bytes:
    return blake3(f"deployment:{bundle}".encode()).digest()[:16]


def _current(transaction: Transaction, arguments: Arguments, limits: Limits) -> Any:
    """Return ``{deployment, bundle, description}`` of the active deployment, or null."""
    active = _active_deployment(transaction)
    if active is None:
        return None
    return {"deployment": active["_id"], "bundle": active["bundle"], "description": active["description"]}


def _push(transaction: Transaction, arguments: Arguments, limits: Limits) -> Any:
    """Make ``bundle`` with ``description`` the active deployment; pushing the active one again changes nothing."""
    bundle, text = arguments.get("bundle"), arguments.get("description")
    if not isinstance(bundle, str) or not isinstance(text, str):
        raise DeveloperError("A push takes `bundle` and `description`, both strings.", code="InvalidPush")
    active = _active_deployment(transaction)
    identifier = deployment_document_id(bundle)
    if active is not None and (active["bundle"], active["description"]) == (bundle, text):
        return {"deployment": identifier}
    schema = _schema_of(text)
    _keep_what_exists(transaction)
    for name in schema.tables:
        transaction.create_table(name)
    _change_indexes(transaction, schema)
    _check_documents(transaction, None if active is None else _schema_of(active["description"]), schema, limits)
    if active is not None and active["_id"] != identifier:
        transaction.delete_system(DEPLOYMENTS_TABLE, _internal_id(active["bundle"]))
    fields = {"state": "active", "bundle": bundle, "description": text}
    transaction.put_system(DEPLOYMENTS_TABLE, _internal_id(bundle), fields)
    return {"deployment": identifier}


def _active_deployment(transaction: Transaction) -> Arguments | None:
    identifier = transaction.read_deployment()
    if not identifier:
        return None
    stored = transaction.get_stored(DEPLOYMENTS_TABLE, decode_id(identifier).internal)
    assert stored is not None, "the active deployment has a document"
    return decode_canonical(stored.data)  # type: ignore[return-value]  # a document is an object


def _schema_of(description: str) -> Schema:
    """Return the schema in a description; an app without one declares no tables."""
    try:
        source = decode_description(description).schema
    except msgspec.MsgspecError as error:
        raise DeveloperError(f"The description of the app cannot be read: {error}", code="InvalidPush") from error
    return Schema({}) if source is None else schema_from_json(source)


def _keep_what_exists(transaction: Transaction) -> None:
    """Read all tables and indexes: a push depends on each, and one made meanwhile has to make it run again."""
    for number in (TABLES_TABLE, INDEXES_TABLE):
        table = transaction.registry.table_by_number(number)
        assert table is not None, "system tables are always there"
        for _ in transaction.scan_table(table):
            pass


def _change_indexes(transaction: Transaction, schema: Schema) -> None:
    """Drop the indexes that are not declared any more, then create the ones that are new.

    An index with other fields under its old name is both. A table that has documents gets its new indexes filled in the
    background; until then a query of one says so.
    """
    for table in list(transaction.registry.tables()):
        declared = schema.tables.get(table.name)
        kept = set() if declared is None else {(index.name, index.fields) for index in declared.indexes}
        for index in table.stored:
            if index is not table.by_creation_time and (index.name, index.fields) not in kept:
                _put_index(transaction, table, msgspec.structs.replace(index, state="dropped"))
    for name, declared in schema.tables.items():
        existing = transaction.create_table(name)
        there = {(index.name, index.fields) for index in existing.stored}
        missing = [wanted for wanted in declared.indexes if (wanted.name, wanted.fields) not in there]
        if not missing:
            continue
        state: IndexState = "ready" if next(transaction.scan_table(existing), None) is None else "backfilling"
        for new in missing:
            number = transaction.registry.next_index_number(existing.number)
            _put_index(transaction, existing, IndexDefinition(number, existing.number, new.name, new.fields, state))


def _put_index(transaction: Transaction, table: TableDefinition, index: IndexDefinition) -> None:
    fields = {
        "table": float(index.table),
        "name": index.name,
        "number": float(index.number),
        "fields": list(index.fields),
        "state": index.state,
    }
    transaction.put_system(INDEXES_TABLE, index_document_id(table.name, index.name, index.number), fields)


def _check_documents(transaction: Transaction, old: Schema | None, new: Schema, limits: Limits) -> None:
    """Check the documents of every table that the new schema promises more about than the old one did."""
    checked = 0
    for name in compare_schemas(old, new).tables_to_check:
        validator = new.validator(name)
        assert validator is not None, "only tables with a validator are to be checked"
        check = compile_document_validator(validator, transaction.table_number, transaction.table_name)
        for document in transaction.scan_table(transaction.create_table(name)):
            checked += 1
            if checked > limits.schema_check_documents_max:
                raise LimitError(
                    f"Too many documents to check against the new schema (limit: {limits.schema_check_documents_max}; "
                    f'reached in table "{name}"). Change fewer tables at once, or deploy with '
                    "`schema_validation=False`.",
                    code="TooManyDocumentsRead",
                )
            try:
                check(document)
            except ValidationError as error:
                raise ValidationError(
                    f'Document with ID "{document["_id"]}" in table "{name}" does not match the schema: '
                    f"{error.message}",
                    code="SchemaEnforcementError",
                ) from error


SYSTEM_FUNCTIONS = {
    "_system/deployments:push": SystemFunction("mutation", _push),
    "_system/deployments:current": SystemFunction("query", _current),
}
