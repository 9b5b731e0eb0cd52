"""What tables promise: validators, declared tables and indexes, and what a new schema changes.

Invariant: everything here is pure and immutable; nothing knows of transactions, storage or which tables exist. Read
:mod:`~rtdb.schema.validators` first, then :mod:`~rtdb.schema.compiled` (validators as checks),
:mod:`~rtdb.schema.schema` (rules of declaration, JSON) and :mod:`~rtdb.schema.schema_change`.
"""

from rtdb.schema.compiled import Check, compile_document_validator, compile_validator
from rtdb.schema.schema import Schema, check_schema_limits, check_table_name, define_schema, schema_from_json
from rtdb.schema.schema_change import SchemaChange, TableIndex, compare_schemas
from rtdb.schema.table import IndexDeclaration, Table, define_table
from rtdb.schema.validator_json import validator_from_json
from rtdb.schema.validators import Validator, to_validator, v

__all__ = [
    "Check",
    "IndexDeclaration",
    "Schema",
    "SchemaChange",
    "Table",
    "TableIndex",
    "Validator",
    "check_schema_limits",
    "check_table_name",
    "compare_schemas",
    "compile_document_validator",
    "compile_validator",
    "define_schema",
    "define_table",
    "schema_from_json",
    "to_validator",
    "v",
    "validator_from_json",
]
