"""Which rules refuse which options. Every other cell of the table equals its definition."""

from __future__ import annotations

from tests.training.crossed.definitions import RULES
from tests.training.crossed.options import OPTIONS

_DIFFERENTIAL = ["EventProp"]  # cells must be differential equations
_TO_OUTPUT = ["EProp, symmetric", "EProp, adaptive"]  # every hidden population must project to an output
_EPROP = ["EProp, symmetric", "EProp, random", "EProp, adaptive"]
_TRACES = ["OTTT", *_EPROP]  # one trace for each presynaptic cell
_AT_ONCE = ["SLTT", "SLTT-K", *_TRACES]  # nothing that learns lies behind a delay
_BY_SAMPLE = ["RTRL", "SnAp1"]

_REFUSED: dict[tuple[str, ...], tuple[str, ...]] = {
    ("two layers", "sign, two layers", "residual", "residual, and", "shared transform", "shared cell",
     "recurrence, shared cell"): (
        *_TO_OUTPUT, *_DIFFERENTIAL,
    ),
    ("one delay behind",): (*_AT_ONCE, *_DIFFERENTIAL),
    (
        "delay per synapse", "delay per synapse, sign", "recurrence, delay per synapse", "shared transform, delays",
        "single synapses, delays", "delay per input", "int8, delay per synapse",
    ): (*_TRACES, *_DIFFERENTIAL),
    (
        "learnable delay", "convolution, delays", "learnable delay per output", "learnable delay, Gaussian", "convolution, learnable delays",
        "convolution of a line, delays", "convolution of a volume, delays", "transposed convolution, delays",
        "transposed convolution, learnable delays",
        "two transforms in a row", "int8, learnable delay",
    ): (*_TRACES, *_DIFFERENTIAL, "SnAp1"),
    (
        "delay per synapse behind", "populations, bounds", "populations, delays", "populations, shared tau", "bfloat16, populations, delays",
        "stored bfloat16, populations",
    ): (*_AT_ONCE, *_DIFFERENTIAL),
    ("learnable delay behind", "populations, learnable delays"): (*_AT_ONCE, *_DIFFERENTIAL, "SnAp1"),
    (
        "convolution", "convolution, sign", "convolution, groups", "torch's convolution", "average pooling",
        "maximum pooling", "convolution of a line", "convolution of a volume", "transposed convolution",
        "torch's convolution of a line", "torch's transposed convolution", "average pooling before", "int8, convolution",
        "int8, transposed convolution", "stored int8, convolution",
    ): ("EProp, adaptive", *_DIFFERENTIAL, "SnAp1"),
    ("single synapses, bounds", "int8, single synapses, bounds"): (*_EPROP, *_DIFFERENTIAL),
    ("batch norm, settled", "threshold norm, settled", "dropout, settled"): (*_TRACES, *_DIFFERENTIAL, *_BY_SAMPLE),
    ("step norm", "membrane norm"): ("SLTT-K", *_TRACES, *_DIFFERENTIAL, *_BY_SAMPLE),
    ("learnable start",): (*_AT_ONCE, *_DIFFERENTIAL, *_BY_SAMPLE),
    ("currents", "currents, sign", "currents, two layers", "currents, shared tau", "currents, delays", "currents, recurrence"): (*_AT_ONCE,),
    ("currents, delay per synapse",): (*_AT_ONCE,),
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
