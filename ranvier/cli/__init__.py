"""The command line: ``ranvier doctor``, ``ranvier demo``, ``ranvier simulate``."""

from __future__ import annotations

from ranvier.cli._main import main

__all__ = ["main"]
