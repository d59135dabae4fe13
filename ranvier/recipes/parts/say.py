"""Lines for any terminal: signs that it supports, and user text without markup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from ranvier.recipes.parts.verdicts import Verdict

__all__ = ["say_state", "say_verdicts", "say_written"]


def say_state(console: Console, state: str, sentence: str) -> None:
    """A sentence behind the sign of a state, in characters that the terminal can show."""
    signs = {"holds": ("✓", "yes", "green"), "does not hold here": ("✗", "no", "red")}
    sign, word, colour = signs.get(state, ("?", "?", "yellow"))
    console.print(Text(sign if _can_show(console, sign) else word, colour), Text(sentence), highlight=False)


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
