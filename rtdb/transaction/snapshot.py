"""The database at one position, for one function call or one round: point reads and index scans.

A snapshot is an LMDB read transaction, under layers of document versions (overlay.py)::

    own writes of a mutation                    with_overlay
    the serial lane's pending writes            with_overlay
    before-images back to an older position     at
    LMDB

Invariants: everything read through one snapshot is of one position (``seq``, ``ts``), the registry and the deployment
included; a scan is right while the overlays change under it. A snapshot pins pages: close it when its
function is over.

It does not know who reads or why: read sets and limits are the transaction's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

import msgspec

from rtdb.errors import SnapshotTooOldError, StorageError
from rtdb.index.backfill import backfilled_share
from rtdb.index.definition import IndexDefinition
from rtdb.index.registry import Registry, load_registry
from rtdb.index.scan import scan
from rtdb.storage.documents import StoredDocument, unpack_document
from rtdb.storage.environment import Environment, ReadTransaction
from rtdb.storage.keys import table_prefix
from rtdb.storage.meta import read_count, read_deployment, read_position, read_registry_seq
from rtdb.storage.system_tables import INDEXES_TABLE, TABLES_TABLE
from rtdb.storage.undo import UndoRecord, has_undo, read_undo
from rtdb.transaction.overlay import Layer, Overlay

__all__ = ["ScanRow", "Snapshot", "SnapshotCache", "StoredDocument"]

# A process reads at few past positions at a time: those of the rounds under way.
_PAST_POSITIONS_KEPT: Final = 8


class ScanRow(msgspec.Struct, frozen=True, gc=False):
    """One row of a scan: its full index key, the document's internal id, the document."""

    key: bytes
    id: bytes
    document: StoredDocument


class _Past:
    """How to go back to one position from any later one through block ``through``.

    It holds the oldest before-image of every document written since the position. A snapshot that has not seen all of
    those blocks may use it too: what such a block overwrote is, for that snapshot, the version it has anyway. So this
    is extended in place as the database moves on, and each block is gone back over once.
    """

    __slots__ = ("deployment", "overlay", "registry", "seq", "through", "ts")

    def __init__(self, seq: int, first: UndoRecord) -> None:
        self.seq = seq
        self.through = seq
        self.ts = first.ts
        self.deployment = first.deployment
        self.overlay = Overlay()
        self.registry = Registry()

    def extend(self, txn: ReadTransaction, newest: int) -> None:
        """Include the blocks through ``newest``, where ``txn`` is. Raises SnapshotTooOldError."""
        while self.through < newest:
            for image in _undo_record(txn, self.seq, self.through + 1).images:
                # An image of an earlier block is nearer to the position and stays.
                if not self.overlay.touched(image.table, image.id):
                    self.overlay.put(image.table, image.id, image.document)
            self.through += 1


def _undo_record(txn: ReadTransaction, target: int, seq: int) -> UndoRecord:
    record = read_undo(txn, seq)
    if record is None:
        raise _too_old(target, seq)
    return record


def _too_old(target: int, seq: int) -> SnapshotTooOldError:
    return SnapshotTooOldError(f"Position {target} is too old to be read: block {seq} can no longer be undone.")


class SnapshotCache:
    """What one process keeps between snapshots: the registry, and how to go back to positions read recently.

    Both depend on positions only, so they are never wrong, just replaced.
    """

    def __init__(self) -> None:
        self._registry_seq = -1
        self._registry = Registry()
        self._past: OrderedDict[int, _Past] = OrderedDict()

    def registry(self, txn: ReadTransaction) -> Registry:
        """Return the registry of the state that ``txn`` sees."""
        seq = read_registry_seq(txn)
        if seq != self._registry_seq:
            self._registry = load_registry(txn)
            self._registry_seq = seq
        return self._registry

    def past(self, txn: ReadTransaction, newest: int, target: int, registry: Registry) -> _Past:
        """Return what takes the state at ``newest`` (which ``txn`` sees, with this registry) back to ``target``."""
        past = self._past.get(target)
        if past is not None:
            # Kept here or not, a position ends with its before-images: entries of a dropped index are erased then.
            if not has_undo(txn, target + 1):
                raise _too_old(target, target + 1)
            past.extend(txn, newest)
            self._past.move_to_end(target)
            return past
        past = _Past(target, _undo_record(txn, target, target + 1))
        past.extend(txn, newest)
        past.registry = registry.with_writes(
            (table, internal, None if document is None else document.data)
            for table in (TABLES_TABLE, INDEXES_TABLE)
            for internal, document in past.overlay.layer(table).documents.items()
        )
        self._past[target] = past
        if len(self._past) > _PAST_POSITIONS_KEPT:
            self._past.popitem(last=False)
        return past


class Snapshot:
    """Opened at the newest committed position of an environment; use it in ``with`` or close it.

    :meth:`with_overlay` and :meth:`at` return further views of the same read transaction; closing any one closes all.
    """

    __slots__ = ("_cache", "_documents", "_get", "_overlays", "_txn", "deployment", "registry", "seq", "ts")

    def __init__(self, environment: Environment, cache: SnapshotCache) -> None:
        txn = environment.read()
        try:
            position = read_position(txn)
            self.seq = position.seq
            self.ts = position.ts
            self.deployment = read_deployment(txn)
            """The id of the active deployment's document, "" when nothing has been deployed."""
            self.registry = cache.registry(txn)
        except BaseException:
            txn.close()
            raise
        self._txn = txn
        self._cache = cache
        self._get = txn.raw.get
        self._documents = txn.documents
        self._overlays: tuple[Overlay, ...] = ()

    def with_overlay(self, overlay: Overlay) -> Snapshot:
        """Return this snapshot under one more layer, which may change while it is read."""
        view = self._copy()
        view._overlays = (overlay, *self._overlays)
        return view

    def at(self, seq: int) -> Snapshot:
        """Return the database as it was at position ``seq``. Call it before any overlay is laid on.

        Raises SnapshotTooOldError when the before-images no longer reach back that far.
        """
        assert not self._overlays, "going back happens below all overlays"
        assert 0 <= seq <= self.seq, f"position {seq} is not in the past of {self.seq}"
        if seq == self.seq:
            return self
        past = self._cache.past(self._txn, self.seq, seq, self.registry)
        view = self._copy()
        view.seq = seq
        view.ts = past.ts
        view.deployment = past.deployment
        view.registry = past.registry
        view._overlays = (past.overlay,)
        return view

    def get(self, table: int, internal: bytes) -> StoredDocument | None:
        """Return a document, or None when there is none."""
        for overlay in self._overlays:
            if overlay.touched(table, internal):
                document = overlay.get(table, internal)
                assert document is None or isinstance(document, StoredDocument)
                return document
        value = self._get(table_prefix(table) + internal, None, self._documents)
        return None if value is None else unpack_document(value)

    def scan(
        self, definition: IndexDefinition, start: bytes, stop: bytes, descending: bool = False
    ) -> Iterator[ScanRow]:
        """Yield the rows with full keys in ``[start, stop)`` in key order, or from the last to the first.

        Each row is the next one at the time it is asked for, overlays included.
        """
        if self._overlays:
            layers = tuple(overlay.layer(definition.table) for overlay in self._overlays)
            return self._scan_layers(layers, definition, start, stop, descending)
        return self._scan_base(definition, start, stop, descending)

    def written_since(self, seq: int, table: int) -> Iterator[StoredDocument]:
        """Yield the versions of a table's documents that were written after position ``seq`` and that some position
        since then has shown: replaced and deleted ones too, and what an overlay holds.

        Raises SnapshotTooOldError when the blocks since then are no longer known.
        """
        changed: set[bytes] = set()
        for block in range(seq + 1, self.seq + 1):
            for image in _undo_record(self._txn, seq, block).images:
                if image.table == table:
                    changed.add(image.id)
                    if image.seq > seq and image.document is not None:
                        yield image.document
        for overlay in self._overlays:
            changed.update(overlay.layer(table).documents)
        for internal in changed:
            document = self.get(table, internal)
            if document is not None:
                yield document

    def count(self, table: int) -> int:
        """Return how many documents a table has."""
        counted = read_count(self._txn, table)
        prefix = table_prefix(table)
        for internal in {internal for overlay in self._overlays for internal in overlay.layer(table).documents}:
            was = self._get(prefix + internal, None, self._documents) is not None
            counted += (self.get(table, internal) is not None) - was
        return counted

    def backfilled_share(self, index: IndexDefinition) -> float:
        """Return how much of an index is built, from 0 to 1."""
        return 1.0 if index.state != "backfilling" else backfilled_share(self._txn, index)

    def close(self) -> None:
        """Release the pages. Idempotent."""
        self._txn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _scan_base(self, definition: IndexDefinition, start: bytes, stop: bytes, descending: bool) -> Iterator[ScanRow]:
        get, documents, prefix = self._get, self._documents, table_prefix(definition.table)
        for key, internal in scan(self._txn, definition, start, stop, descending):
            value = get(prefix + internal, None, documents)
            if value is None:
                raise _dangling(definition, internal)
            yield ScanRow(key, internal, unpack_document(value))

    def _scan_layers(
        self, layers: tuple[Layer, ...], definition: IndexDefinition, start: bytes, stop: bytes, descending: bool
    ) -> Iterator[ScanRow]:
        """Merge the base with layers (topmost first). ``[start, stop)`` shrinks to what is still ahead."""
        get, documents, prefix = self._get, self._documents, table_prefix(definition.table)
        entries = scan(self._txn, definition, start, stop, descending)
        head = next(entries, None)
        while True:
            while head is not None and _is_hidden(head[1], layers):
                head = next(entries, None)
            best: tuple[bytes, bytes] | None = None
            source: Layer | None = None
            for depth, layer in enumerate(layers):
                if not layer.documents:
                    continue
                found = layer.first_between(definition, start, stop, descending, layers[:depth])
                if found is not None and (best is None or (found > best if descending else found < best)):
                    best, source = found, layer
            if head is not None and (best is None or (head > best if descending else head < best)):
                key, internal = head
                value = get(prefix + internal, None, documents)
                if value is None:
                    raise _dangling(definition, internal)
                yield ScanRow(key, internal, unpack_document(value))
                head = next(entries, None)
            elif best is not None and source is not None:
                key, internal = best
                document = source.documents[internal]
                assert document is not None
                yield ScanRow(key, internal, document)
            else:
                return
            # Keys are whole and distinct, so the next one is beyond this one whatever was written meanwhile.
            if descending:
                stop = key
            else:
                start = key + b"\0"

    def _copy(self) -> Snapshot:
        view = Snapshot.__new__(Snapshot)
        view.seq = self.seq
        view.ts = self.ts
        view.deployment = self.deployment
        view.registry = self.registry
        view._txn = self._txn
        view._cache = self._cache
        view._get = self._get
        view._documents = self._documents
        view._overlays = self._overlays
        return view


def _is_hidden(internal: bytes, layers: tuple[Layer, ...]) -> bool:
    for layer in layers:  # noqa: SIM110  # a generator expression per row would double the cost of a scan
        if internal in layer.documents:
            return True
    return False


def _dangling(definition: IndexDefinition, internal: bytes) -> StorageError:
    return StorageError(
        f"Index {definition.name} ({definition.number}) refers to a document that does not exist "
        f"(table {definition.table}, {internal.hex()}). Run `rtdb check`."
    )
