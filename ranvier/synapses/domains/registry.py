"""The domains that files may name."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import TypeVar

from ranvier.dynamics.plasticity import Domain
from ranvier.errors import EquationError

__all__ = ["domain_kind", "domain_kinds", "register_domain"]

D = TypeVar("D", bound=type[Domain])

_known: dict[str, type[Domain]] = {}


def register_domain(kind: D) -> D:
    """Make a class of domains known by its name, so that files with it can be read; use it as a decorator.

    Raises
    ------
    EquationError
        Where it is no frozen dataclass below ``rv.plasticity.Domain``, or a class of another module has its name.

    >>> from dataclasses import dataclass
    >>> @rv.plasticity.register_domain
    ... @dataclass(frozen=True)
    ... class EachSource(rv.plasticity.Domain):
    ...     def size(self, pairs):
    ...         return pairs.sizes[0]
    ...
    ...     def member(self, pairs):
    ...         return pairs.pre
    """
    frozen = is_dataclass(kind) and kind.__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]
    if not (isinstance(kind, type) and issubclass(kind, Domain) and frozen):
        raise EquationError(
            f"{kind!r} is no domain: write a frozen dataclass below rv.plasticity.Domain with size and member."
        )
    known = _known.get(kind.__name__, kind)
    if (known.__module__, known.__qualname__) != (
        kind.__module__,
        kind.__qualname__,
    ):  # a notebook defines a class again
        raise EquationError(
            f"a domain named {kind.__name__!r} is known already, of {known.__module__}: give another name."
        )
    _known[kind.__name__] = kind
    return kind


def domain_kind(name: str) -> type[Domain] | None:
    """The class of this name; None where it is unknown."""
    return _known.get(name)


def domain_kinds() -> tuple[str, ...]:
    """The names of all classes."""
    return tuple(_known)
