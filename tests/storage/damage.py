"""Damage as a disk does it: pages of the database file that hold something else than what was written."""

from __future__ import annotations

from pathlib import Path

__all__ = ["damage_pages"]

PAGE_BYTES = 4096


def damage_pages(data_dir: Path, holding: bytes) -> None:
    """Overwrite every page of a closed database that holds these bytes."""
    file = data_dir / "db" / "data.mdb"
    content = file.read_bytes()
    pages = [content[start : start + PAGE_BYTES] for start in range(0, len(content), PAGE_BYTES)]
    damaged = [b"\xff" * PAGE_BYTES if holding in page else page for page in pages]
    assert damaged != pages, f"no page holds {holding!r}"
    file.write_bytes(b"".join(damaged))
