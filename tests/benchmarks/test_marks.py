"""Tables between marks are replaced, and nothing else of the page."""

from __future__ import annotations

from pathlib import Path

from benchmarks._marks import paste, pasted


def test_what_was_pasted_is_found_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Before.\n\n<!-- a: begin -->\nold\n<!-- a: end -->\n\n<!-- b: begin -->\nother\n<!-- b: end -->\nAfter.\n"
    )
    whole = page.read_text()
    paste(page, "a", "| x |\n|---|\n| 1 |")
    assert pasted(page, "a") == "| x |\n|---|\n| 1 |"
    assert pasted(page, "b") == "other"
    paste(page, "a", "old")
    assert page.read_text() == whole
