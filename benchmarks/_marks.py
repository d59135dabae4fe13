"""Tables between marks on a page, written by the command that makes them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["paste", "pasted"]


def pasted(page: Path, name: str) -> str:
    """The table between its marks on the page."""
    text = page.read_text(encoding="utf-8")
    before, after = _place(text, name)
    return text[before:after].strip()


def paste(page: Path, name: str, table: str) -> None:
    """Put a table between its marks on the page."""
    text = page.read_text(encoding="utf-8")
    before, after = _place(text, name)
    page.write_text(f"{text[:before]}\n{table}\n{text[after:]}", encoding="utf-8")


def _place(text: str, name: str) -> tuple[int, int]:
    first, last = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    return text.index(first) + len(first), text.index(last)
