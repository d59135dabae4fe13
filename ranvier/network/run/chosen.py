"""Some of the entries of a mapping."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

__all__ = ["Chosen"]

V = TypeVar("V")


class Chosen(Mapping[str, V]):
    """The entries of ``found`` that have the ``names``, looked up when they are asked for."""

    __slots__ = ("_found", "_names")

    def __init__(self, found: Mapping[str, V], names: Collection[str]) -> None:
        self._found, self._names = found, names

    def __getitem__(self, name: str) -> V:
        if name not in self._names:
            raise KeyError(name)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
