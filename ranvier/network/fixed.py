"""Attributes that are chosen when their owner is made, and that nobody would read again where they were assigned later."""

from __future__ import annotations

from typing import Any

from ranvier.network.order import GraphError

__all__ = ["fixed"]


class _Fixed:
    def __init__(self, remedy: str) -> None:
        self._remedy = remedy

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __set__(self, owner: Any, value: Any) -> None:
        held = owner.__dict__
        if self._name in held:
            kind = type(owner).__name__
            raise GraphError(
                f"{self._name}={value!r} cannot be assigned to a {kind} after it is made, since nothing would read it. {self._remedy}"
            )
        held[self._name] = value


def fixed(remedy: str) -> Any:
    """An attribute that can be assigned once; after that an error says the ``remedy``. Reading costs what any attribute costs."""
    return _Fixed(remedy)
