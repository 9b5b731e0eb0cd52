from __future__ import annotations

import pytest

from rtdb.errors import LimitError
from rtdb.index.index_range import prefix_range
from rtdb.link.frames import ReadRange
from rtdb.transaction.read_set import ReadSet

INDEX = 1280128


def test_points_are_reported_once_in_order_of_index_and_key() -> None:
    reads = ReadSet(10)
    for index, key in ((2, b"a"), (1, b"b"), (1, b"a"), (2, b"a")):
        reads.add_point(index, key)
    assert reads.ranges() == [prefix_range(1, b"a"), prefix_range(1, b"b"), prefix_range(2, b"a")]


def test_a_point_inside_a_scanned_range_is_not_reported_beside_it() -> None:
    reads = ReadSet(10)
    reads.add_point(INDEX, b"b")
    reads.open_scan(INDEX, b"a", b"c", descending=False).exhausted = True
    assert reads.ranges() == [ReadRange(INDEX, b"a", b"c")]


def test_a_scan_grows_with_what_it_consumes() -> None:
    reads = ReadSet(10)
    scan = reads.open_scan(INDEX, b"a", b"z", descending=False)
    assert reads.ranges() == []
    scan.last_key = b"c"
    assert reads.ranges() == [ReadRange(INDEX, b"a", b"c\xff")]
    scan.last_key = b"f"
    assert reads.ranges() == [ReadRange(INDEX, b"a", b"f\xff")]
    scan.exhausted = True
    assert reads.ranges() == [ReadRange(INDEX, b"a", b"z")]


def test_a_descending_scan_grows_downwards() -> None:
    reads = ReadSet(10)
    reads.open_scan(INDEX, b"a", b"z", descending=True).last_key = b"f"
    assert reads.ranges() == [ReadRange(INDEX, b"f", b"z")]


def test_repeated_reads_never_reach_the_limit() -> None:
    reads = ReadSet(3)
    for _ in range(50):
        reads.add_point(INDEX, b"m")
        reads.open_scan(INDEX, b"a", b"z", descending=False).exhausted = True
    assert len(reads.ranges()) == 1


def test_the_first_range_too_many_is_an_error() -> None:
    reads = ReadSet(3)
    for key in (b"a", b"b", b"c"):
        reads.add_point(INDEX, key)
    with pytest.raises(LimitError) as raised:
        reads.add_point(INDEX, b"d")
    assert raised.value.code == "TooManyReads"
