"""A hash of the code that a recipe consists of: trials of other code are measured again."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["fingerprint"]

#: what runs recipes computes none of their numbers
_FORM = "ranvier.recipes.form"


def fingerprint(function: Callable[..., Any]) -> str:
    """Of the module of ``function``, and of the modules of recipes whose objects it uses; of its bytecode where it has no file."""
    home = sys.modules.get(function.__module__ or "")
    if home is None or getattr(home, "__file__", None) is None:  # typed into a notebook
        return hashlib.sha256(function.__code__.co_code).hexdigest()
    found: dict[str, ModuleType] = {}
    _collect(home, found)
    texts = [Path(inspect.getfile(found[name])).read_bytes() for name in sorted(found)]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def _collect(module: ModuleType, found: dict[str, ModuleType]) -> None:
    found[module.__name__] = module
    for held in vars(module).values():
        name = held.__name__ if isinstance(held, ModuleType) else getattr(held, "__module__", None)
        if isinstance(name, str) and _counts(name) and name not in found:
            _collect(sys.modules[name], found)


def _counts(name: str) -> bool:
    return name.startswith("ranvier.recipes.") and not name.startswith(_FORM)
