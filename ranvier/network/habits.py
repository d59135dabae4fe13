"""Attributes and methods of other libraries' cells and networks, and what stands in their place."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["unknown_attribute"]

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


def unknown_attribute(
    owner: object, name: str, error: AttributeError, population: str | None = None, variables: Collection[str] = ()
) -> AttributeError:
    """The ``error`` of an ``owner`` without the attribute ``name``, with what to write instead where that is known.

    ``variables`` are those of the cells of ``population``.
    """
    return AttributeError(f"{error}{_instead_of(name, population, variables)}", name=name, obj=owner)


def _instead_of(name: str, population: str | None, variables: Collection[str]) -> str:
    """What to write instead of the attribute ``name``, as the end of a message; empty where nothing is known."""
    text = _MEMBRANE if name in variables else _WORDS.get(name)
    if text is None or (text is not _FRESH and population is None):
        return ""
    variable = name if name in variables else next(iter(variables), "v")
    return f": {text.format(path=f'state.variables[{population!r}][{variable!r}]', variable=variable)}."
