"""Opening a database to write it; the first block of a new one.

A new database is made beside its place, with its identity (instance name, log id) and block 1, the platform's own
tables as documents. Only when all of that is durable is it moved to its place: whenever the power fails, there is a
whole database or none.

An existing one may have been left by a process that was killed, or whose disk failed, in the middle of a commit. What
can be read may then still be on its way to the disk, although nobody was ever told of it. So opening writes once: when
that is durable, everything read is.
"""

from __future__ import annotations

import shutil

from rtdb.clock import Clock, Random, Timestamp, next_timestamp
from rtdb.config import Config
from rtdb.errors import DataDirectoryError
from rtdb.index.registry import Registry
from rtdb.storage.block import TransactionRecord, WriteRecord, next_block
from rtdb.storage.durable_files import make_directory, sync_directory
from rtdb.storage.environment import Environment, has_database, open_environment
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import START, read_instance, read_position, write_instance, write_log_id, write_opened
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
    if not has_database(config.data_dir):
        _begin_database(config, clock=clock, random=random, node=node)
    environment = open_environment(config.data_dir, readonly=False, limits=config.limits)
    try:
        environment.reader_check()
        with environment.write() as txn:
            write_opened(txn, clock.now_ns())
        with environment.read() as txn:
            position, instance = read_position(txn), read_instance(txn)
        if instance is None or position == START:
            raise DataDirectoryError(f"The database in {config.data_dir} was never begun. Delete it: it is empty.")
        if instance != config.instance_name:
            raise DataDirectoryError(
                f"The database in {config.data_dir} belongs to the instance {instance!r}, not "
                f"{config.instance_name!r}. Start the server with that name, or use another data directory."
            )
        if LocalLog(environment).head() != position:
            raise DataDirectoryError(
                f"The commit log in {config.data_dir} does not end where its documents do. Restore from a backup."
            )
    except BaseException:
        environment.close()
        raise
    return environment


def _begin_database(config: Config, *, clock: Clock, random: Random, node: bytes) -> None:
    staging = config.data_dir / "new"
    shutil.rmtree(staging, ignore_errors=True)
    make_directory(staging)
    with open_environment(staging, readonly=False, limits=config.limits) as environment:
        _write_genesis(environment, config.instance_name, clock=clock, random=random, node=node)
    sync_directory(staging / "db")
    (staging / "db").rename(config.data_dir / "db")
    staging.rmdir()
    sync_directory(config.data_dir)


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
