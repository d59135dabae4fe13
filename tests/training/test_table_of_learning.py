"""The page of rules holds the table that its command prints."""

from __future__ import annotations

from pathlib import Path

from tests.training.table_of_learning import page

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_page_has_the_figures_of_the_recipe() -> None:
    assert page() in PAGE.read_text(encoding="utf-8"), "write what `python -m tests.training.table_of_learning` prints"
