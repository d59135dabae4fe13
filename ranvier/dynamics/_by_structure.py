"""Records that count as equal when their structure is, whatever objects they hold: what caches of kernels are keyed by."""

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
