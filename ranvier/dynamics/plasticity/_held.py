"""Variables of a rule that are equal for all synapses of one cell: the cell can hold them."""

from __future__ import annotations

from collections.abc import Collection

from ranvier.dynamics._clock import TIME
from ranvier.dynamics.plasticity._lowered import LoweredRule
from ranvier.dynamics.symbols import end_name

__all__ = ["held_by_cells"]


def held_by_cells(rule: LoweredRule, end: str, shared: Collection[str], among: Collection[str]) -> tuple[str, ...]:
    """Variables that only spikes at one ``end`` (pre, post) change, by values that all synapses of that cell share.

    ``shared`` are the parameters and coefficients with one value for all synapses; only variables ``among`` those named
    count.
    """
    own, others = f"on_{end}", {"on_pre", "on_post", "every_step"} - {f"on_{end}"}
    changed = {n for code in others if code in rule.codes for n in rule.codes[code].outputs}
    cells = {end_name(n, end) for n in rule.reads(end)}
    kept = [n for n in among if n not in changed]
    while True:
        known = {*kept, *shared, *cells, TIME}
        fits = [n for n in kept if _reads(rule, own, n) <= known]
        if fits == kept:
            return tuple(kept)
        kept = fits


def _reads(rule: LoweredRule, code: str, name: str) -> set[str]:
    """The names that the next value of a variable depends on."""
    used = set(rule.step.program.only((name,)).reads)
    if code in rule.codes and name in rule.codes[code].outputs:
        used |= rule.codes[code].behind(name)
    return used
