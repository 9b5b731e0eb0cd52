"""rtdb: a self-hosted, real-time document database server that Convex clients talk to.

What is exported here is what an app imports, and what we promise::

    from rtdb import define_schema, define_table, mutation, query, v

The server itself is started with ``rtdb serve``; ARCHITECTURE.md explains how it is built.
"""

from rtdb.functions.action_context import ActionContext
from rtdb.functions.blob import Blob
from rtdb.functions.context import DatabaseReader, DatabaseWriter, MutationContext, QueryContext, SystemReader
from rtdb.functions.convex_error import ConvexError
from rtdb.functions.crons import Crons
from rtdb.functions.definition import action, internal_action, internal_mutation, internal_query, mutation, query
from rtdb.functions.http_headers import Headers
from rtdb.functions.http_message import Request, Response
from rtdb.functions.http_router import HttpRouter, http_action
from rtdb.functions.pagination_validators import (
    PaginationOptions,
    PaginationResult,
    pagination_options_validator,
    pagination_result_validator,
)
from rtdb.functions.transaction_limits import TransactionLimits
from rtdb.functions.webhook_signature import InvalidSignatureError, sign_webhook, verify_webhook
from rtdb.schema.schema import define_schema
from rtdb.schema.table import define_table
from rtdb.schema.validators import v
from rtdb.values.value import UNDEFINED, Int64, Undefined, Value

__all__ = [
    "UNDEFINED",
    "ActionContext",
    "Blob",
    "ConvexError",
    "Crons",
    "DatabaseReader",
    "DatabaseWriter",
    "Headers",
    "HttpRouter",
    "Int64",
    "InvalidSignatureError",
    "MutationContext",
    "PaginationOptions",
    "PaginationResult",
    "QueryContext",
    "Request",
    "Response",
    "SystemReader",
    "TransactionLimits",
    "Undefined",
    "Value",
    "action",
    "define_schema",
    "define_table",
    "http_action",
    "internal_action",
    "internal_mutation",
    "internal_query",
    "mutation",
    "pagination_options_validator",
    "pagination_result_validator",
    "query",
    "sign_webhook",
    "v",
    "verify_webhook",
]
