"""Suggestions for a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

__all__ = ["meant"]


def meant(name: Any, known: Iterable[str]) -> str:
    """`` Did you mean 'spikes'?`` where a known name is close to ``name`` in spelling; else nothing."""
    by_fold = {k.casefold(): k for k in known}
    near = get_close_matches(str(name).casefold(), by_fold, n=2)
    return f" Did you mean {' or '.join(repr(by_fold[k]) for k in near)}?" if near else ""
