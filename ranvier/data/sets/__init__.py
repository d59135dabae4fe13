"""The sets: each module finds the files of some, reads them and divides them."""

from __future__ import annotations

__all__: list[str] = []
