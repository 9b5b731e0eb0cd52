"""The instance secret survives restarts, stays private, and is never silently replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtdb.auth.instance_secret import SECRET_FILE, load_instance_secret
from rtdb.clock import SystemRandom
from rtdb.errors import DataDirectoryError


def test_the_secret_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    first = load_instance_secret(tmp_path, SystemRandom())
    assert load_instance_secret(tmp_path, SystemRandom()) == first
    assert len(first) == 32
    assert (tmp_path / SECRET_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [SECRET_FILE]


@pytest.mark.parametrize("content", ["", "ab" * 31, "not hexadecimal", "ü" * 64])
def test_a_damaged_secret_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / SECRET_FILE).write_text(content)
    with pytest.raises(DataDirectoryError, match="instance secret"):
        load_instance_secret(tmp_path, SystemRandom())
    assert (tmp_path / SECRET_FILE).read_text() == content
