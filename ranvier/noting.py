"""Modules that note every replacement in them, so that a set-up call need not compare every part."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from torch import nn

__all__ = ["CHANGES", "Changes", "Noting"]

_TABLES = ("_parameters", "_buffers", "_modules")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Changes:
    """``last`` is another object after every change of any :class:`Noting` module."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = object()

    def note(self) -> None:
        """Something has changed."""
        self.last = object()


CHANGES = Changes()


class _Table(dict[Any, Any]):
    """A dictionary that notes its changes, once they are made; torch writes to those of a module in many places."""

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        CHANGES.note()

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)
        CHANGES.note()

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def update(self, *args: Any, **kwargs: Any) -> None:
        super().update(*args, **kwargs)
        CHANGES.note()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        found = super().setdefault(key, default)
        CHANGES.note()
        return found

    def pop(self, *args: Any) -> Any:
        found = super().pop(*args)
        CHANGES.note()
        return found

    def popitem(self, *args: Any) -> Any:
        found = super().popitem(*args)
        CHANGES.note()
        return found

    def clear(self) -> None:
        super().clear()
        CHANGES.note()


class _Hooks(_Table, OrderedDict[Any, Any]):
    """The same for hooks, whose handles refer to their table."""


class Noting(nn.Module):
    """A module that notes in ``CHANGES`` when a tensor, a module, a hook or an attribute of it is replaced.

    What is written into a tensor is not noted.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = self.__dict__
        own.update({n: _Table(own[n]) for n in _TABLES}, **{n: _Hooks(own[n]) for n in _HOOKS})

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        CHANGES.note()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        CHANGES.note()
