"""One object of a description, each entry checked as it is read."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

from ranvier.errors import FileFormatError

__all__ = ["Record", "damaged"]

_LONGEST = 100_000
_LARGEST = 2**62


def damaged(where: str, what: str) -> FileFormatError:
    """The error for a file in which ``where`` cannot be as it is."""
    return FileFormatError(f"{where}: {what}. The file is damaged or was edited; save it again.")


class Record:
    """A JSON object; ``where`` is the path to it, for messages."""

    def __init__(self, data: Any, where: str) -> None:
        self.where = where
        if not isinstance(data, dict):
            raise damaged(where, f"{_show(data)} stands where an object should")
        self.data = data

    def error(self, key: str, expected: str) -> FileFormatError:
        """The error that says what stands at ``key`` and what should."""
        found = _show(self.data[key]) if key in self.data else "missing"
        return damaged(f"{self.where}.{key}", f"is {found}, expected {expected}")

    def __contains__(self, key: str) -> bool:
        return self.data.get(key) is not None

    def text(self, key: str) -> str:
        """A string of sensible length."""
        value: Any = self.data.get(key)
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise self.error(key, f"text of at most {_LONGEST} characters")
        return value

    def choice(self, key: str, *choices: str) -> str:
        """One of some words."""
        value: Any = self.data.get(key)
        if value not in choices:
            raise self.error(key, f"one of {', '.join(choices)}")
        return value

    def whole(self, key: str, least: int = 0) -> int:
        """A whole number of at least ``least``."""
        value: Any = self.data.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _LARGEST:
            raise self.error(key, f"a whole number of at least {least}")
        return value

    def number(self, key: str) -> float:
        """A finite number."""
        value: Any = self.data.get(key)
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if not real or not abs(value) <= sys.float_info.max:
            raise self.error(key, "a finite number")
        return float(value)

    def numbers(self, key: str) -> list[float]:
        """A list of finite numbers."""
        value: Any = self.data.get(key)
        if not isinstance(value, list):
            raise self.error(key, "a list of finite numbers")
        items = Record({str(k): item for k, item in enumerate(value)}, f"{self.where}.{key}")
        return [items.number(str(k)) for k in range(len(value))]

    def flag(self, key: str) -> bool:
        """true or false."""
        value: Any = self.data.get(key)
        if not isinstance(value, bool):
            raise self.error(key, "true or false")
        return value

    def sizes(self, key: str) -> tuple[int, ...] | None:
        """A shape of positive whole numbers, or None."""
        value: Any = self.data.get(key)
        if value is None and key in self.data:
            return None
        sizes = tuple(value) if isinstance(value, list) else ()
        if not 0 < len(sizes) < 16 or not all(type(n) is int and n > 0 for n in sizes) or math.prod(sizes) > _LARGEST:
            raise self.error(key, "a list of positive whole numbers")
        return sizes

    def names(self, key: str) -> list[str]:
        """A list of strings, of sensible length together."""
        value: Any = self.data.get(key)
        texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not texts or sum(map(len, value)) > _LONGEST:
            raise self.error(key, f"a list of texts of at most {_LONGEST} characters")
        return value

    def child(self, key: str) -> Record:
        """The object at ``key``."""
        return Record(self.data.get(key), f"{self.where}.{key}")

    def children(self, key: str) -> Iterator[tuple[str, Record]]:
        """The objects in the object at ``key``, by name."""
        inner = self.child(key)
        for name in inner.data:
            yield name, inner.child(name)

    def items(self, key: str) -> Iterator[Record]:
        """The objects in the list at ``key``."""
        value: Any = self.data.get(key)
        if not isinstance(value, list):
            raise self.error(key, "a list of objects")
        for k, item in enumerate(value):
            yield Record(item, f"{self.where}.{key}[{k}]")


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
