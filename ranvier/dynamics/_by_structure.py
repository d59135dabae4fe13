"""Records that compare by structure, whatever objects they hold: the keys of kernel caches."""

from __future__ import annotations

from typing import Any

__all__ = ["ByStructure"]


class ByStructure:
    """Equality and hash of the attribute or property ``key``."""

    key: Any

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.key == self.key
