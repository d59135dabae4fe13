"""Event files: one module for each format, of functions ``(path, size) -> Events``."""

from __future__ import annotations

__all__: list[str] = []
