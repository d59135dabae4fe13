"""The command line: ``ranvier doctor``, ``ranvier demo``."""

from __future__ import annotations

from ranvier.cli._main import main

__all__ = ["main"]
