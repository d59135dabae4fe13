"""Warnings that point at the line of the user, however deep in the package they arise."""

from __future__ import annotations

import sys
import warnings

from ranvier.errors import RanvierWarning

__all__ = ["warn"]

#: packages whose frames a warning passes over: the package itself, and the modules of torch that call it
_PASSED = {"ranvier", "torch"}


def warn(sentence: str) -> None:
    """Warn at the first frame outside of Ranvier and torch; at the outermost one where all are inside."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED and frame.f_back is not None:
        frame = frame.f_back
    warnings.warn_explicit(
        sentence, RanvierWarning, frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )  # fmt: skip
