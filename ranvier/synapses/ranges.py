"""What the numbers of a rule may be."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from ranvier.errors import EquationError
from ranvier.units import as_quantity
from ranvier.values import Distribution, Learn

__all__ = ["require"]


def require(rule: str, low: float = -inf, high: float = inf, *, above: float = -inf, **values: Any) -> None:
    """That every number of ``values`` lies from ``low`` to ``high`` and above ``above``, in base units.

    What is drawn is not looked at.

    Raises
    ------
    EquationError
        Naming the rule, the value and its range.
    """
    for name, value in values.items():
        if isinstance(value, Distribution | Learn):
            continue
        given = as_quantity(value).value
        numbers = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given, np.float64)
        if not ((numbers >= low) & (numbers <= high) & (numbers > above)).all():
            least = f"above {above:g}" if above > low else f"of {low:g} or more"
            span = f"from {low:g} to {high:g}" if high < inf else least
            raise EquationError(f"{rule}: {name}={value!r} makes no sense; give a number {span}.", line=rule)
