"""Rules of plasticity: their text as programs, and the form in which rows of synapses run them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.dynamics.plasticity._additive import added_to, limits_of
    from ranvier.dynamics.plasticity._domain import Domain, Pairs
    from ranvier.dynamics.plasticity._held import held_by_cells
    from ranvier.dynamics.plasticity._lower import RuleText, lower
    from ranvier.dynamics.plasticity._lowered import LoweredRule, common_name
    from ranvier.dynamics.plasticity._records import Additive, Decay, RowRule, Shared
    from ranvier.dynamics.plasticity._rows import Known, row_rule, why_eager

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "Additive": "._records",
    "Decay": "._records",
    "Domain": "._domain",
    "Known": "._rows",
    "LoweredRule": "._lowered",
    "Pairs": "._domain",
    "RowRule": "._records",
    "RuleText": "._lower",
    "Shared": "._records",
    "added_to": "._additive",
    "common_name": "._lowered",
    "held_by_cells": "._held",
    "limits_of": "._additive",
    "lower": "._lower",
    "row_rule": "._rows",
    "why_eager": "._rows",
}

__all__ = [
    "Additive",
    "Decay",
    "Domain",
    "Known",
    "LoweredRule",
    "Pairs",
    "RowRule",
    "RuleText",
    "Shared",
    "added_to",
    "common_name",
    "held_by_cells",
    "limits_of",
    "lower",
    "row_rule",
    "why_eager",
]

__getattr__, __dir__ = page(__name__, _PUBLIC)
