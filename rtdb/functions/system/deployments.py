"""The steps of a deploy that touch data, as functions that run in ordinary transactions.

::

    prepare        tables made, new indexes begun beside those in use                                    a mutation
    survey         what would have to be checked: instead of prepare, where nothing is to be changed     a query
    check          the documents that are there, a chunk at a time, against the new schema               queries
    check_changes  the documents written since, again and again until few are left                       queries
    push           what was written last is checked, indexes, cron jobs and deployment change hands      a mutation
    count          how many documents there are                                                          a query
    abandon        what was begun is dropped: instead of a push                                          a mutation

Writes go on all the time, and functions know nothing of the schema to come. That no document escapes the check is the
push's business: it checks what the blocks since the last look have written, and depends on the whole of each table it
has to be sure of, so that a write it has not seen makes it lose and run again. It is short, so in the serial lane it
wins.

Invariants:

* a deploy that fails at any step has changed nothing that functions can see;
* an index is switched to only when it is complete, and the one it replaces is in use until then;
* every function has read the deployment, so a push makes executions in flight run again on the new code.

A `_deployments` document is ``{state: "active", bundle, description}``; the one before is deleted in the same
transaction. Its id follows from the bundle, so that a runner knows from a snapshot whether its code is the active one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache, partial
from typing import Any, Final

import msgspec
from blake3 import blake3

from rtdb.errors import DeveloperError, SnapshotTooOldError, StorageError, ValidationError
from rtdb.functions.description import decode_description
from rtdb.functions.system.definition import Arguments, SystemFunction, convert_arguments
from rtdb.functions.system.deployed_variables import check_variables, variables_seen
from rtdb.index.definition import IndexDefinition, IndexState, TableDefinition
from rtdb.index.index_key import full_key
from rtdb.scheduler.cron_job import switch_crons
from rtdb.schema.compiled import compile_document_validator
from rtdb.schema.schema import Schema, schema_from_json
from rtdb.schema.schema_change import compare_schemas
from rtdb.storage.system_tables import DEPLOYMENTS_TABLE, INDEXES_TABLE, TABLES_TABLE, index_document_id
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.json_codec import decode_document

__all__ = [
    "CHECKED_AT_ONCE",
    "DEPLOYED_PATH",
    "FUNCTIONS",
    "abandon",
    "check",
    "check_changes",
    "count",
    "current",
    "deployment_document_id",
    "prepare",
    "progress",
    "push",
    "survey",
    "variables",
]

DEPLOYED_PATH: Final = "_system/deployments:current"
CHECKED_AT_ONCE: Final = 1000
"""Documents of one check: some 20 ms, in which its runner does nothing else."""


class _Prepare(msgspec.Struct):
    description: str


class _Check(msgspec.Struct):
    description: str
    table: str
    after: str
    """The place in the table's order to go on behind, hexadecimal; empty for the beginning."""


class _CheckChanges(msgspec.Struct):
    description: str
    tables: list[str]
    since: int


class _Count(msgspec.Struct):
    tables: list[str]


class _Push(msgspec.Struct):
    bundle: str
    description: str
    since: int
    """All documents are checked as they were at this position."""
    variables: str | None = None
    """Environment variables as they were when the modules were evaluated, None if that does not matter."""


def deployment_document_id(bundle: str) -> str:
    """Return the id of the deployment of this bundle, as :attr:`Snapshot.deployment` shows it while it is active."""
    return encode_id(DEPLOYMENTS_TABLE, _internal_id(bundle))


# --- functions --------------------------------------------------------------------------------------------------------


def current(transaction: Transaction, arguments: Arguments) -> Any:
    """Return ``{deployment, bundle, description}`` of the active deployment, or null."""
    active = _active_deployment(transaction)
    if active is None:
        return None
    return {"deployment": active["_id"], "bundle": active["bundle"], "description": active["description"]}


def variables(transaction: Transaction, arguments: Arguments) -> Any:
    """Return what stands for the environment variables that are set now."""
    return variables_seen(transaction)


def prepare(transaction: Transaction, arguments: Arguments) -> Any:
    """Make the schema's tables and begin its new indexes; return ``{seq, tables}``: what has to be checked, with the
    number of documents.

    What an earlier deploy has begun and not finished is taken over if it is wanted, else dropped.
    """
    asked = _convert(arguments, _Prepare)
    schema = _schema_of(asked.description)
    _depend_on_registry(transaction)
    for table in list(transaction.registry.tables()):
        wanted = _declared_indexes(schema, table)
        for index in _declared(table):
            if index.state != "ready" and (index.name, index.fields) not in wanted:
                _put_index(transaction, table, index, "dropped")
    for name in schema.tables:
        table = transaction.platform.create_table(name)
        there = {(index.name, index.fields) for index in _declared(table)}
        missing = sorted(_declared_indexes(schema, table) - there)
        if missing:
            is_empty = next(transaction.platform.scan_table(table), None) is None
            for index_name, fields in missing:
                _begin_index(transaction, table, index_name, fields, "backfilled" if is_empty else "backfilling")
    return _to_check(transaction, schema)


def survey(transaction: Transaction, arguments: Arguments) -> Any:
    """Return what :func:`prepare` does, without making or beginning anything: a table that is not there is empty."""
    return _to_check(transaction, _schema_of(_convert(arguments, _Prepare).description))


def check(transaction: Transaction, arguments: Arguments) -> Any:
    """Check the next documents of a table; return ``{checked, next}``, where ``next`` is null after the last one."""
    asked = _convert(arguments, _Check)
    table = transaction.registry.table(asked.table)
    assert table is not None, "it was made by prepare"
    check_document = _document_check(transaction, _schema_of(asked.description), asked.table)
    checked = 0
    for document in transaction.platform.scan_table(table, after=bytes.fromhex(asked.after)):
        _check_document(check_document, document, f'Document with ID "{document["_id"]}" in table "{asked.table}"')
        checked += 1
        if checked == CHECKED_AT_ONCE:
            return {"checked": float(checked), "next": full_key(table.by_creation_time, document).hex()}
    return {"checked": float(checked), "next": None}


def check_changes(transaction: Transaction, arguments: Arguments) -> Any:
    """Check what was written after a position; return ``{checked, seq}``, the position it has come to."""
    asked = _convert(arguments, _CheckChanges)
    checked = _check_changed(transaction, _schema_of(asked.description), asked.tables, asked.since)
    return {"checked": float(checked), "seq": float(transaction.seq)}


def progress(transaction: Transaction, arguments: Arguments) -> Any:
    """Return ``{table, index, documents, total, complete}`` of each index that is being built or waits for its push."""
    return [
        {
            "table": table.name,
            "index": index.name,
            "documents": float(round(total * transaction.platform.backfilled_share(index))),
            "total": float(total),
            "complete": index.state == "backfilled",
        }
        for table in transaction.registry.tables()
        for index in _declared(table)
        if index.state != "ready"
        for total in (transaction.platform.count(table),)
    ]


def count(transaction: Transaction, arguments: Arguments) -> Any:
    """Return the number of documents of each of some tables that is there."""
    asked = _convert(arguments, _Count)
    tables = [transaction.registry.table(name) for name in asked.tables]
    return {table.name: float(transaction.platform.count(table)) for table in tables if table is not None}


def push(transaction: Transaction, arguments: Arguments) -> Any:
    """Switch to ``bundle``, for which everything has been prepared; pushing the active one again changes nothing."""
    asked = _convert(arguments, _Push)
    active = _active_deployment(transaction)
    identifier = deployment_document_id(asked.bundle)
    if active is not None and (active["bundle"], active["description"]) == (asked.bundle, asked.description):
        return {"deployment": identifier}
    if asked.variables is not None:
        check_variables(transaction, decode_description(asked.description), asked.variables)
    schema = _schema_of(asked.description)
    _depend_on_registry(transaction)
    _switch_indexes(transaction, schema)
    old = None if active is None else _schema_of(active["description"])
    _check_changed(transaction, schema, compare_schemas(old, schema).tables_to_check, asked.since)
    if active is not None and active["_id"] != identifier:
        transaction.platform.delete(DEPLOYMENTS_TABLE, _internal_id(active["bundle"]))
    fields = {"state": "active", "bundle": asked.bundle, "description": asked.description}
    transaction.platform.put(DEPLOYMENTS_TABLE, _internal_id(asked.bundle), fields)
    switch_crons(transaction, decode_description(asked.description).crons)
    return {"deployment": identifier}


def abandon(transaction: Transaction, arguments: Arguments) -> Any:
    """Drop the indexes that were begun and are not in use."""
    _depend_on_registry(transaction)
    for table in list(transaction.registry.tables()):
        for index in _declared(table):
            if index.state != "ready":
                _put_index(transaction, table, index, "dropped")
    return None


# --- the deployment ---------------------------------------------------------------------------------------------------


def _internal_id(bundle: str) -> bytes:
    return blake3(f"deployment:{bundle}".encode()).digest()[:16]


def _active_deployment(transaction: Transaction) -> Arguments | None:
    identifier = transaction.read_deployment()
    if not identifier:
        return None
    stored = transaction.platform.get_stored(DEPLOYMENTS_TABLE, decode_id(identifier).internal)
    assert stored is not None, "the active deployment has a document"
    return decode_document(stored.data)


_convert = partial(convert_arguments, code="InvalidPush", what="This step of a deploy")


@lru_cache(maxsize=4)
def _schema_of(description: str) -> Schema:
    """Return the schema in a description; an app without one declares no tables."""
    try:
        source = decode_description(description).schema
    except msgspec.MsgspecError as error:
        raise DeveloperError(f"The description of the app cannot be read: {error}", code="InvalidPush") from error
    return Schema({}) if source is None else schema_from_json(source)


def _to_check(transaction: Transaction, schema: Schema) -> Any:
    """Return ``{seq, tables}``: the tables there are whose documents the schema has to be checked for."""
    active = _active_deployment(transaction)
    old = None if active is None else _schema_of(active["description"])
    named = [transaction.registry.table(name) for name in compare_schemas(old, schema).tables_to_check]
    return {
        "seq": float(transaction.seq),
        "tables": [
            {"table": table.name, "documents": float(transaction.platform.count(table))}
            for table in named
            if table is not None
        ],
    }


def _depend_on_registry(transaction: Transaction) -> None:
    """Read all tables and indexes: a deploy depends on each, and one made meanwhile has to make it run again."""
    for number in (TABLES_TABLE, INDEXES_TABLE):
        table = transaction.registry.table_by_number(number)
        assert table is not None, "system tables are always there"
        transaction.platform.depend_on_table(table)


# --- indexes ----------------------------------------------------------------------------------------------------------


def _declared(table: TableDefinition) -> list[IndexDefinition]:
    """Return the table's indexes that an app has declared: in use, or being built."""
    if table.is_system:
        return []
    return [index for index in table.stored if index is not table.by_creation_time]


def _declared_indexes(schema: Schema, table: TableDefinition) -> set[tuple[str, tuple[str, ...]]]:
    declared = schema.tables.get(table.name)
    return set() if declared is None else {(index.name, index.fields) for index in declared.indexes}


def _begin_index(
    transaction: Transaction, table: TableDefinition, name: str, fields: tuple[str, ...], state: IndexState
) -> None:
    try:
        number = transaction.registry.next_index_number(table.number)
    except StorageError as error:
        raise DeveloperError(
            f'Table "{table.name}" has had too many indexes in the last minute: those that were dropped are kept for '
            "reads of the recent past (undo_seconds). Deploy again in a minute.",
            code="TooManyIndexes",
        ) from error
    _put_index(transaction, table, IndexDefinition(number, table.number, name, fields), state)


def _switch_indexes(transaction: Transaction, schema: Schema) -> None:
    """Make the indexes of the schema, which are complete, those in use, and drop all others."""
    for table in list(transaction.registry.tables()):
        missing = _declared_indexes(schema, table)
        for index in _declared(table):
            if (index.name, index.fields) not in missing:
                _put_index(transaction, table, index, "dropped")
                continue
            if index.state == "backfilled":
                _put_index(transaction, table, index, "ready")
            if index.state != "backfilling":
                missing.discard((index.name, index.fields))
        for name, _fields in sorted(missing):
            raise DeveloperError(f"Index {table.name}.{name} is not complete yet.", code="IndexBackfillingError")
    for name in schema.tables:
        if transaction.table_number(name) is None:
            raise DeveloperError(f'Table "{name}" has not been prepared.', code="InvalidPush")


def _put_index(transaction: Transaction, table: TableDefinition, index: IndexDefinition, state: IndexState) -> None:
    fields = {
        "table": float(index.table),
        "name": index.name,
        "number": float(index.number),
        "fields": list(index.fields),
        "state": state,
    }
    transaction.platform.put(INDEXES_TABLE, index_document_id(table.name, index.name, index.number), fields)


# --- documents --------------------------------------------------------------------------------------------------------

DocumentCheck = Callable[[dict[str, Any]], None]


def _document_check(transaction: Transaction, schema: Schema, table: str) -> DocumentCheck:
    validator = schema.validator(table)
    assert validator is not None, "only tables with a validator are to be checked"
    return compile_document_validator(validator, transaction.table_number, transaction.table_name)


def _check_changed(transaction: Transaction, schema: Schema, tables: Collection[str], since: int) -> int:
    """Check what was written to some tables after a position, and depend on there being nothing else.

    A document that broke the schema has failed the push even if it is repaired or deleted by now: what writes it runs
    on, and would write the next one after the push.
    """
    checked = 0
    for name in tables:
        table = transaction.registry.table(name)
        assert table is not None, "it was made by prepare"
        check_document = _document_check(transaction, schema, name)
        transaction.platform.depend_on_table(table)
        try:
            for document in transaction.platform.written_since(since, table):
                _check_document(check_document, document, f'New document in table "{name}"')
                checked += 1
        except SnapshotTooOldError as error:
            raise DeveloperError(
                "So much was written meanwhile that the new schema could not be checked in time (undo_seconds). "
                "Deploy again.",
                code="DeployTooSlow",
            ) from error
    return checked


def _check_document(check_document: DocumentCheck, document: dict[str, Any], what: str) -> None:
    try:
        check_document(document)
    except ValidationError as error:
        raise ValidationError(
            f"{what} does not match the schema: {error.message}", code="SchemaEnforcementError"
        ) from error


FUNCTIONS: Final = {
    DEPLOYED_PATH: SystemFunction("query", current),
    "_system/deployments:variables": SystemFunction("query", variables, reserved=True),
    "_system/deployments:prepare": SystemFunction("mutation", prepare, reserved=True),
    "_system/deployments:survey": SystemFunction("query", survey, reserved=True),
    "_system/deployments:check": SystemFunction("query", check, reserved=True),
    "_system/deployments:check_changes": SystemFunction("query", check_changes, reserved=True),
    "_system/deployments:progress": SystemFunction("query", progress, reserved=True),
    "_system/deployments:count": SystemFunction("query", count, reserved=True),
    "_system/deployments:push": SystemFunction("mutation", push, reserved=True),
    "_system/deployments:abandon": SystemFunction("mutation", abandon, reserved=True),
}
