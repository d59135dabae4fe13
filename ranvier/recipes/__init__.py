"""Complete pieces of work from data to page: each recipe is a module with a ``run`` function."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    "brunel",
    "celegans",
    "coba_cuba",
    "delays",
    "digits_and_circuit",
    "fashion_mnist",
    "learn_pattern",
    "polychrony",
    "recover_weights",
    "reservoir",
    "ring_attractor",
    "song2000",
]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module 'ranvier.recipes' has no recipe {name!r}; there are {', '.join(__all__)}")
    return import_module(f"ranvier.recipes.{name}")
