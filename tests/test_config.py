"""What a server is started with when nobody says anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtdb.config import Config, decode_config, encode_config, gateways_for


@pytest.mark.parametrize(("cores", "gateways"), [(1, 2), (2, 2), (4, 2), (6, 3), (8, 4), (16, 8), (128, 8)])
def test_a_larger_machine_has_more_gateways(cores: int, gateways: int) -> None:
    assert gateways_for(cores) == gateways


def test_a_child_process_has_the_number_of_gateways_of_its_parent() -> None:
    config = Config(data_dir=Path("/data"), gateways=7)
    assert decode_config(encode_config(config)).gateways == 7
