"""Options of models: plain data of the kind of their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier._nearest import meant
from ranvier.errors import RanvierError, ShapeError

__all__ = ["NETWORK", "checked", "parted"]

#: what a model hands to ``rv.Sequential``; no part of its options
NETWORK = ("dtype", "provider", "reset_gradient", "seed", "surrogate")
_KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}


def parted(given: Mapping[str, Any], forwards: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a model, and the words for ``rv.Sequential`` where it ``forwards`` them."""
    words = {n: v for n, v in given.items() if forwards and n in NETWORK}
    return {n: v for n, v in given.items() if n not in words}, words


def checked(model: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The ``given`` options, each of the kind of its default.

    Raises
    ------
    RanvierError
        Where one is unknown or of another kind, or a time or threshold is not above 0; it names what there is.
    ShapeError
        Where a number of blocks, channels, … is not above 0.
    """
    for name in given:
        if name not in defaults:
            raise RanvierError(
                f"{model} has no option {name!r}.{meant(name, (*defaults, *NETWORK))} There are {', '.join(defaults)}."
            )
    return {name: _like(model, name, value, defaults[name]) for name, value in given.items()}


def _like(model: str, name: str, value: Any, default: Any) -> Any:
    """``value`` as the kind of ``default``."""
    if not isinstance(default, tuple):
        kinds = (type(default),)
        entries = [value]
    else:
        kinds = tuple(dict.fromkeys(map(type, default)))
        if not isinstance(value, tuple | list) or not value:
            raise RanvierError(f"{model}: {name}={value!r} must be a tuple, such as {default!r}.")
        entries = list(value)
    made = []
    for entry in entries:
        whole = isinstance(entry, int) and not isinstance(entry, bool)
        if type(entry) not in kinds and not (whole and float in kinds):
            wanted = " or ".join(_KINDS[k] for k in kinds)
            raise RanvierError(f"{model}: {name}={value!r} must hold {wanted}, such as {default!r}.")
        if not isinstance(entry, str | bool) and not 0 < entry < float("inf"):
            error = ShapeError if isinstance(entry, int) and int in kinds else RanvierError
            raise error(f"{model}: {name}={value!r} must be positive, such as {default!r}.")
        made.append(float(entry) if whole and int not in kinds else entry)
    return tuple(made) if isinstance(default, tuple) else made[0]
