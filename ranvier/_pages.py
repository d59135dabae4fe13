"""Packages whose public names load on first use, for a fast start."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["page"]


def page(package: str, holders: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of ``package``.

    ``holders`` maps each public name to the module that holds it, below the package where it begins with a dot; a name
    equal to the last part of its module is that module itself. Beside them the package imports the same names under
    ``TYPE_CHECKING``, for tools that read and never run it; the flat page hides this function from them, so that they
    report a name that is not there.
    """
    namespace = vars(sys.modules[package])

    def __getattr__(name: str) -> Any:
        holder = holders.get(name)
        if holder is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; dir({package}) lists what there is")
        module = _loaded(holder, package)
        value = module if holder.rpartition(".")[2] == name else getattr(module, name)
        namespace[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*namespace, *holders})

    return __getattr__, __dir__


def _loaded(holder: str, package: str) -> ModuleType:
    """The module, imported without the garbage collector, which finds nothing there and takes a fifth of the start.

    What was imported joins the oldest objects at once, so that the next collections of young ones pass it by.
    """
    if not gc.isenabled():
        return import_module(holder, package)
    gc.disable()
    try:
        return import_module(holder, package)
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()
        gc.enable()
