"""Attributes that are set when their owner is made: a later assignment would have no effect, so it raises an error."""

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
    """An attribute that can be assigned once; a later assignment raises an error with the ``remedy``. Reading it costs no more than usual."""
    return _Fixed(remedy)
