"""Which rules refuse which options. Every other cell of the table equals its definition."""

from __future__ import annotations

from collections.abc import Sequence

from tests.training.crossed.definitions import RULES
from tests.training.crossed.options import OPTIONS

_DIFFERENTIAL = ["EventProp"]  # cells must be differential equations without a refractory period
_TO_OUTPUT = ["EProp, symmetric", "EProp, adaptive"]  # every hidden population must project to an output
_TRACES = ["OTTT", "EProp, symmetric", "EProp, random", "EProp, adaptive"]  # weights that join one cell to one cell
_AT_ONCE = ["SLTT", "SLTT-K", *_TRACES]  # no gradient reaches the start
_THROUGH_SPACE = ["SLTT", "SLTT-K", "OTTT"]  # all that learns reaches the output outside of a cycle
_BY_SAMPLE = ["RTRL", "SnAp1"]

_REFUSED: dict[tuple[str, ...], Sequence[str]] = {
    ("two layers", "sign, two layers", "residual", "residual, and", "shared transform", "shared cell",
     "recurrence, shared cell", "circuit, cells behind", "circuit, cells behind, delays"): (
        *_TO_OUTPUT, *_DIFFERENTIAL,
    ),
    ("delay per synapse behind", "circuit, delays to the output"): ("EProp, adaptive", *_DIFFERENTIAL),
    ("learnable delay", "learnable delay per output", "learnable delay, Gaussian", "int8, learnable delay",
     "circuit, learnable delays"): (
        *_DIFFERENTIAL, "SnAp1",
    ),
    ("learnable delay behind",): ("EProp, adaptive", *_DIFFERENTIAL, "SnAp1"),
    (
        "convolution, delays", "convolution, learnable delays", "convolution of a line, delays", "convolution of a volume, delays",
        "transposed convolution, delays", "transposed convolution, learnable delays", "two transforms in a row",
    ): (*_TRACES, *_DIFFERENTIAL, "SnAp1"),
    ("populations, bounds", "populations, delays", "populations, shared tau", "bfloat16, populations, delays",
     "circuit, every weight"): (
        *_THROUGH_SPACE, *_TO_OUTPUT, *_DIFFERENTIAL,
    ),
    ("populations, learnable delays",): (*_THROUGH_SPACE, *_TO_OUTPUT, *_DIFFERENTIAL, "SnAp1"),
    (
        "convolution", "convolution, sign", "convolution, groups", "torch's convolution", "average pooling",
        "maximum pooling", "convolution of a line", "convolution of a volume", "transposed convolution",
        "torch's convolution of a line", "torch's transposed convolution", "average pooling before", "int8, convolution",
        "int8, transposed convolution", "stored int8, convolution",
    ): ("EProp, adaptive", *_DIFFERENTIAL, "SnAp1"),
    ("batch norm, settled", "threshold norm, settled", "dropout, settled"): (*_TRACES, *_DIFFERENTIAL, *_BY_SAMPLE),
    ("step norm", "membrane norm"): ("SLTT-K", *_TRACES, *_DIFFERENTIAL, *_BY_SAMPLE),
    ("learnable start",): (*_AT_ONCE, *_DIFFERENTIAL, *_BY_SAMPLE),
    ("currents", "currents, sign", "currents, delays", "currents, recurrence"): (),
    ("currents, two layers", "currents, shared tau"): _TO_OUTPUT,
    ("currents, delay per synapse",): ("EProp, adaptive",),
    ("circuit of currents",): (*_THROUGH_SPACE, *_TO_OUTPUT),
}  # fmt: skip

#: by option
REFUSED: dict[str, frozenset[str]] = dict.fromkeys(OPTIONS, frozenset(_DIFFERENTIAL)) | {
    option: frozenset(rules) for options, rules in _REFUSED.items() for option in options
}

#: by option, refused only where the network is not one operation
REFUSED_APART: dict[str, frozenset[str]] = {"step norm": frozenset({"SLTT-K"})}


def page() -> str:
    """The table in Markdown: ``=`` equals the definition, ``-`` is refused by name."""
    rows = [["", *RULES], ["---"] * (len(RULES) + 1)]
    rows += [[option, *("-" if rule in REFUSED[option] else "=" for rule in RULES)] for option in OPTIONS]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
