"""Tables: which columns stand to the right."""

from __future__ import annotations

from typing import Any

import pytest

from pellucid.displays.table import Table


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ((1, 2.5, None), True),
        (("98.71 %", "-"), True),
        (("0", "0.05928", "2.24"), True),
        (("8", "98.71 %"), True),
        (("≥ 82.4", "≥ 100", "8"), True),
        (("0", "1", "9"), False),
        (("0", "cat", "1.5"), False),
        ((True, False), False),
        ((None, None), False),
    ],
)
def test_numbers_stand_to_the_right_and_digits_that_name_classes_do_not(values: tuple[Any, ...], right: bool) -> None:
    rule = Table(("value",), [(value,) for value in values]).markdown().splitlines()[1]
    assert rule == ("| ---: |" if right else "| --- |")
