"""A file as an action has it in hand: what ``ctx.storage.get`` returns, and ``store`` takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ["Blob"]


class Blob:
    """The content of a stored file. Nothing of it is in memory before it is read::

        async for piece in blob:     # bytes, as they come from the disk, from the beginning each time
            ...
        data = await blob.read()     # all of it

    ``content_type`` is None when there is none; ``size`` is in bytes.
    """

    __slots__ = ("_read_piece", "content_type", "size")

    def __init__(self, content_type: str | None, size: int, read_piece: Callable[[int], Awaitable[bytes]]) -> None:
        self.content_type = content_type
        self.size = size
        self._read_piece = read_piece

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(self.size, self._read_piece)

    async def read(self) -> bytes:
        """Return everything."""
        return b"".join([piece async for piece in self])

    def __repr__(self) -> str:
        return f"<Blob of {self.size} bytes, {self.content_type or 'of no type'}>"


class _Pieces:
    """Goes through content once."""

    def __init__(self, size: int, read_piece: Callable[[int], Awaitable[bytes]]) -> None:
        self._size = size
        self._read_piece = read_piece
        self._offset = 0

    def __aiter__(self) -> _Pieces:
        return self

    async def __anext__(self) -> bytes:
        if self._offset >= self._size:
            raise StopAsyncIteration
        piece = await self._read_piece(self._offset)
        self._offset += len(piece)
        return piece
