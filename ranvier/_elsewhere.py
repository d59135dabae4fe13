"""Names of other libraries, and of the field, that a package does not have: the error says what to write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

from ranvier._nearest import meant

__all__ = ["elsewhere"]


def elsewhere(package: str, instead: Mapping[str, str]) -> Callable[[str], NoReturn]:
    """The ``__getattr__`` of ``package`` for names that it lacks; ``instead`` says of some what to write.

    The package hides it from type checkers, so that they report these names.
    """
    namespace = vars(sys.modules[package])

    def __getattr__(name: str) -> NoReturn:
        told = f": {instead[name]}." if name in instead else f".{meant(name, namespace['__all__'])}"
        raise AttributeError(f"module {package!r} has no attribute {name!r}{told}", name=name, obj=sys.modules[package])

    return __getattr__
