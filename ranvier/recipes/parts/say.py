"""Lines for any terminal: signs that it supports, and user text without markup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from ranvier.recipes.parts.verdicts import Verdict

__all__ = ["say_verdicts", "say_written"]


def say_verdicts(console: Console, found: Sequence[Verdict]) -> None:
    """A line for each expectation, with a sign that the terminal can show."""
    signs = ("✓", "✗") if _can_show(console, "✓✗") else ("yes", "no ")
    for verdict in found:
        sign = Text(signs[0], "green") if verdict.holds else Text(signs[1], "red")
        console.print(sign, Text(verdict.text), highlight=False)


def say_written(console: Console, path: Path, seconds: float) -> None:
    """The place of the page; brackets in the path are not markup."""
    console.print()
    console.print(Text(str(path), "bold"), f"written after {seconds:.0f} s", highlight=False, soft_wrap=True)


def _can_show(console: Console, text: str) -> bool:
    try:
        text.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
