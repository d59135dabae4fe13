"""Arguments of other libraries' cells: values, surrogates, and settings that have no counterpart here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ranvier.errors import RanvierError
from ranvier.surrogates import Surrogate
from ranvier.units import Quantity
from ranvier.values import Learn, flag

__all__ = ["CompatError", "chosen", "one_of", "refuse", "switch", "value"]


class CompatError(RanvierError, ValueError):
    """An argument of another library's cell has no counterpart here, or weights do not fit."""


def value(given: Any, learn: bool = False) -> Any:
    """A number, array or tensor as the value of a cell, learnable where asked; a tensor loses its gradient.

    Raises
    ------
    CompatError
        For a value with a unit.
    """
    inner = given.value if isinstance(given, Learn) else given
    if isinstance(inner, Quantity) and not inner.dimension.is_none:
        raise CompatError(
            f"{inner!r} has a unit, but the numbers of this cell have none, as in its library: a decay is that of one step, "
            f"exp(-dt/tau), and a time constant counts steps, tau/dt."
        )
    plain: Any = given.detach().cpu().numpy() if hasattr(given, "detach") else given  # pyright: ignore[reportAttributeAccessIssue]
    plain = plain.item() if getattr(plain, "ndim", 1) == 0 else plain
    return Learn(plain) if learn and not isinstance(plain, Learn) else plain


def switch(cell: str, name: str, given: Any) -> bool:
    """True or False, and nothing else."""
    return flag(given, f"{cell}: {name}")


def chosen(cell: str, name: str, given: Any, default: Surrogate, instead: Mapping[str, str]) -> Surrogate:
    """The surrogate that was given, or the ``default``; ``instead`` maps the library's own ones to ours."""
    if given is None:
        return default
    if isinstance(given, Surrogate):
        return given
    table = ", ".join(f"{theirs} is {ours}" for theirs, ours in instead.items())
    raise CompatError(
        f"{cell}: {name}={given!r} is a function of torch, whose derivative the kernels cannot read. Give one of rv.surrogates: "
        f"{table}; any other slope is rv.surrogates.Surrogate('expression in u')."
    )


def one_of(cell: str, name: str, given: Any, known: tuple[str, ...]) -> str:
    """One of the ``known`` words, or an object whose class or function has such a name, as the other library gives."""
    word = given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)
    if word not in known:
        raise CompatError(f"{cell}: {name}={given!r} must be one of {', '.join(map(repr, known))}.")
    return word


def refuse(cell: str, given: Mapping[str, tuple[Any, Any, str]]) -> None:
    """Raise for the first argument that differs from its default: ``{name: (given, default, what to write instead)}``."""
    for name, (now, default, instead) in given.items():
        if now is not default and not (type(now) is type(default) and now == default):
            raise CompatError(f"{cell}: {name}={now!r} has no counterpart here: {instead}.")
