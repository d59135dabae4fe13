"""Tables in plain text: columns, alignment, and no spaces at the ends of lines."""

from __future__ import annotations

from ranvier.text_table import text_table


def test_columns_are_as_wide_as_their_longest_text() -> None:
    rows = [("part", "count", "why"), ("a", "7", ""), ("longest", "1,000", "asked for")]
    assert text_table(rows, right=(1,)).split("\n") == [
        "part     count  why",
        "a            7",
        "longest  1,000  asked for",
    ]


def test_a_table_of_one_row_is_its_texts() -> None:
    assert text_table([("a", "b")]) == "a  b"
