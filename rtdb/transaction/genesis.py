"""Opening a database to write it; the first block of a new one.

A new data directory gets its identity (instance name, log id) and block 1, the platform's own tables as documents, in
one write transaction: a log never exists without its name, nor a state without a block that explains it.
"""

from __future__ import annotations

from rtdb.clock import Clock, Random, Timestamp, next_timestamp
from rtdb.config import Config
from rtdb.errors import DataDirectoryError
from rtdb.index.registry import Registry
from rtdb.storage.block import TransactionRecord, WriteRecord, next_block
from rtdb.storage.environment import Environment, open_environment
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import START, read_instance, read_position, write_instance, write_log_id
from rtdb.storage.system_tables import SYSTEM_TABLES, TABLES_TABLE, table_document_id
from rtdb.transaction.apply import apply
from rtdb.values.document_id import encode_id
from rtdb.values.json_codec import encode
from rtdb.values.value import Value

__all__ = ["GENESIS_SOURCE", "open_database"]

GENESIS_SOURCE = "_system/genesis"


def open_database(config: Config, *, clock: Clock, random: Random, node: bytes) -> Environment:
    """Open the data directory for writing, and begin a database in an empty one.

    Raises DataDirectoryError when it cannot be used as it is.
    """
    environment = open_environment(config.data_dir, readonly=False, limits=config.limits)
    try:
        with environment.read() as txn:
            position, instance = read_position(txn), read_instance(txn)
        if position == START:
            _write_genesis(environment, config.instance_name, clock=clock, random=random, node=node)
        elif instance != config.instance_name:
            raise DataDirectoryError(
                f"The database in {config.data_dir} belongs to the instance {instance!r}, not "
                f"{config.instance_name!r}. Start the server with that name, or use another data directory."
            )
        elif LocalLog(environment).head() != position:
            raise DataDirectoryError(
                f"The commit log in {config.data_dir} does not end where its documents do. Restore from a backup."
            )
    except BaseException:
        environment.close()
        raise
    return environment


def _write_genesis(environment: Environment, instance_name: str, *, clock: Clock, random: Random, node: bytes) -> None:
    ts = next_timestamp(Timestamp(0), clock)
    log_id = random.bytes(16)
    record = TransactionRecord(ts, GENESIS_SOURCE, _system_tables(ts))
    block = next_block(START, [record], log_id=log_id, epoch=1, block_id=random.bytes(16), node=node)
    log = LocalLog(environment)
    with environment.write() as txn, log.within(txn):
        write_instance(txn, instance_name)
        write_log_id(txn, log_id)
        apply(txn, block, Registry())
        won = log.append(START, block)
        assert won, "an empty log has a free first slot"


def _system_tables(ts: int) -> list[WriteRecord]:
    writes = []
    document: Value
    for name, number in SYSTEM_TABLES.items():
        internal = table_document_id(name)
        document = {
            "_creationTime": ts / 1_000_000,
            "_id": encode_id(TABLES_TABLE, internal),
            "name": name,
            "number": float(number),
        }
        writes.append(WriteRecord(TABLES_TABLE, internal, 0, encode(document)))
    return writes
