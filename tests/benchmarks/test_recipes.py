"""The table of recipes is written by the command that runs them."""

from __future__ import annotations

import pytest

from benchmarks.recipes import main, with_row
from ranvier.errors import RanvierError

PAGE = "# Page\n\n| name | what | measured |\n|---|---|---|\n| `a` | first | 3 |\n| `b` | second | 4 |\n\nText.\n"


def test_one_row_is_replaced() -> None:
    found = with_row(PAGE, "a", "rate 5 Hz\n**does not hold**: |x| above 1\n")
    assert found == PAGE.replace("| first | 3 |", "| first | rate 5 Hz; **does not hold**: /x/ above 1 |")
    assert with_row(found, "a", "3\n") == PAGE


def test_names_without_a_row_or_a_recipe_are_named() -> None:
    with pytest.raises(RanvierError, match="no row of 'c'"):
        with_row(PAGE, "c", "1")
    with pytest.raises(RanvierError, match="no recipe 'zz'"):
        main(["zz"])
