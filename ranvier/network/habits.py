"""Attributes and methods of other libraries' cells and networks, and what stands in their place."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from torch import nn

__all__ = ["Habits"]

_FRESH = "the state is a value, not part of the module: leave the state out to start afresh, or pass state.detach() on"
_MEMBRANE = "variables are in the state: {path}, or observe(x, record=[{variable!r}])"
_DECAY = "the decay over a step follows from the time constant, beta = exp(-dt/tau): read and set tau"
_THRESHOLD = "the threshold of ready cells is called V_th"
_WORDS = {
    **dict.fromkeys(
        ("reset", "reset_mem", "reset_states", "reset_state", "reset_net", "init_leaky", "init_state", "zero_state", "detach_hidden"),
        _FRESH,
    ),
    **dict.fromkeys(("mem", "membrane", "v_mem", "vmem"), _MEMBRANE),
    **dict.fromkeys(("beta", "decay", "leak"), _DECAY),
    **dict.fromkeys(("threshold", "v_threshold", "theta"), _THRESHOLD),
}  # fmt: skip


class Habits(nn.Module):
    """A module whose error for an unknown attribute names what to write instead."""

    def _cells(self) -> tuple[str | None, Collection[str]]:
        """The population that it is, and the variables of its cells; none where it is a whole network."""
        return None, ()

    def _instead_of(self, name: str) -> str:
        """What to write instead of the attribute ``name``, as the end of a message; empty where nothing is known."""
        population, variables = self._cells()
        text = _MEMBRANE if name in variables else _WORDS.get(name)
        if text is None or (text is not _FRESH and population is None):
            return ""
        variable = name if name in variables else next(iter(variables), "v")
        return f": {text.format(path=f'state.variables[{population!r}][{variable!r}]', variable=variable)}."

    if not TYPE_CHECKING:  # a misspelt name is an error to type checkers

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError as error:
                raise AttributeError(f"{error}{self._instead_of(name)}", name=name, obj=self) from None
