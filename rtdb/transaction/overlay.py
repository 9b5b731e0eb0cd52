"""Document versions laid over a snapshot, scanned in index order together with it.

One mechanism serves three uses: a mutation's own writes, the serial lane's writes that are not durable yet, and the
before-images that take a snapshot back to an earlier position. Layers stack; a layer hides every row below
whose document it touched, whether it puts another version in its place or none.

Per table::

    documents   id → version, or None for "does not exist"
    orders      index → its keys, sorted                       made when the index is first scanned, then kept up

Invariants: a key lookup (:meth:`Layer.first_between`) always answers for the present contents, so a scan that
looks for its next key each time stays right while rows are written under it; nothing here keeps a position.
Index keys are made from the documents only when somebody scans: most mutations never scan a table they wrote.

It does not know LMDB, registries or what is below.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import Final

from rtdb.index.definition import IndexDefinition
from rtdb.index.index_key import full_key
from rtdb.storage.documents import StoredDocument
from rtdb.values.json_codec import decode_canonical

__all__ = ["UNTOUCHED", "Layer", "Overlay", "Untouched"]


class Untouched:
    """The type of :data:`UNTOUCHED`."""

    __slots__ = ()


UNTOUCHED: Final = Untouched()
"""What a lookup gives for a document that the overlay says nothing about."""


class _Order:
    """The documents of a layer that exist, in the order of one index."""

    __slots__ = ("definition", "ids", "key_of", "keys")

    def __init__(self, definition: IndexDefinition, documents: dict[bytes, StoredDocument | None]) -> None:
        self.definition = definition
        self.key_of: dict[bytes, bytes] = {}
        for internal, document in documents.items():
            if document is not None:
                self.key_of[internal] = self._key(document)
        self.ids = {key: internal for internal, key in self.key_of.items()}
        self.keys = sorted(self.ids)

    def put(self, internal: bytes, document: StoredDocument | None) -> None:
        old = self.key_of.pop(internal, None)
        if old is not None:
            del self.ids[old]
            del self.keys[bisect_left(self.keys, old)]
        if document is not None:
            key = self._key(document)
            self.key_of[internal] = key
            self.ids[key] = internal
            insort(self.keys, key)

    def _key(self, document: StoredDocument) -> bytes:
        fields = decode_canonical(document.data)
        assert isinstance(fields, dict)
        return full_key(self.definition, fields)


class Layer:
    """The part of an overlay that belongs to one table."""

    __slots__ = ("_orders", "documents", "pending")

    def __init__(self) -> None:
        self.documents: dict[bytes, StoredDocument | None] = {}
        self.pending: dict[bytes, int] = {}
        """The lane number of the last write to a document, where it has one."""
        self._orders: dict[int, _Order] = {}

    def put(self, internal: bytes, document: StoredDocument | None) -> None:
        self.documents[internal] = document
        for order in self._orders.values():
            order.put(internal, document)

    def forget(self, internal: bytes) -> None:
        """Say nothing about a document any more."""
        self.documents.pop(internal, None)
        self.pending.pop(internal, None)
        for order in self._orders.values():
            order.put(internal, None)

    def first_between(
        self,
        definition: IndexDefinition,
        start: bytes,
        stop: bytes,
        descending: bool,
        above: tuple[Layer, ...],
    ) -> tuple[bytes, bytes] | None:
        """Return the first (last, if descending) key in ``[start, stop)`` and its document's id, leaving out
        documents touched by a layer ``above``."""
        order = self._orders.get(definition.number)
        if order is None:
            order = self._orders[definition.number] = _Order(definition, self.documents)
        keys = order.keys
        step = -1 if descending else 1
        at = bisect_left(keys, stop) - 1 if descending else bisect_left(keys, start)
        while 0 <= at < len(keys):
            key = keys[at]
            if key < start or key >= stop:
                return None
            internal = order.ids[key]
            for layer in above:
                if internal in layer.documents:
                    break
            else:
                return key, internal
            at += step
        return None


class Overlay:
    """Versions of documents that hide those below; see the module."""

    __slots__ = ("_layers", "_pending")

    def __init__(self) -> None:
        self._layers: dict[int, Layer] = {}
        self._pending: deque[tuple[int, int, bytes]] = deque()

    def put(self, table: int, internal: bytes, document: StoredDocument | None, pending: int = 0) -> None:
        """Set the version of a document; None: it does not exist.

        ``pending`` is the lane's number of the mutation that wrote it, never smaller than the last one; 0
        outside the lane.
        """
        layer = self.layer(table)
        layer.put(internal, document)
        if pending:
            assert not self._pending or pending >= self._pending[-1][0], "lane numbers rise"
            layer.pending[internal] = pending
            self._pending.append((pending, table, internal))

    def forget(self, table: int, internal: bytes) -> None:
        """Say nothing about a document any more: what is below shows again."""
        self.layer(table).forget(internal)

    def get(self, table: int, internal: bytes) -> StoredDocument | Untouched | None:
        """Return the version of a document, None if it does not exist, UNTOUCHED if the overlay says nothing
        about it.
        """
        layer = self._layers.get(table)
        return UNTOUCHED if layer is None else layer.documents.get(internal, UNTOUCHED)

    def touched(self, table: int, internal: bytes) -> bool:
        """Whether the overlay says anything about a document."""
        layer = self._layers.get(table)
        return layer is not None and internal in layer.documents

    def layer(self, table: int) -> Layer:
        """Return the part for one table, empty if nothing of it was touched: a scan holds it and sees later
        writes.
        """
        layer = self._layers.get(table)
        if layer is None:
            layer = self._layers[table] = Layer()
        return layer

    def drop_through(self, pending: int) -> None:
        """Forget what the lane wrote through number ``pending``; a document written again since then stays.

        Not while a scan is under way. The snapshot below must contain what is dropped.
        """
        while self._pending and self._pending[0][0] <= pending:
            number, table, internal = self._pending.popleft()
            layer = self._layers[table]
            if layer.pending.get(internal) == number:
                layer.forget(internal)

    def clear(self) -> None:
        """Forget everything. Not while a scan is under way."""
        self._layers.clear()
        self._pending.clear()

    def __len__(self) -> int:
        """The number of documents touched."""
        return sum(len(layer.documents) for layer in self._layers.values())
