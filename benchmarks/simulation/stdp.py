"""A thousand inputs onto a thousand cells, every synapse plastic. Run: `python -m benchmarks.simulation.stdp [NAME …]`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._protocol import Arrays, Bench, Verdict
from benchmarks.series import main
from benchmarks.simulation import _song as song
from benchmarks.simulation.coba import BRIAN2, BRIAN2_DOUBLE, RANVIER


def verify(inputs: Arrays, outputs: Arrays, declared: dict[str, Any]) -> Verdict:
    """Rate and mean weight must be those of the model."""
    rate, weight = float(outputs["rate"]), float(outputs["weight"])
    fits = song.RATE_ACCEPTED_HZ[0] <= rate <= song.RATE_ACCEPTED_HZ[1]
    fits &= song.WEIGHT_ACCEPTED[0] <= weight <= song.WEIGHT_ACCEPTED[1]
    return Verdict(fits, f"{rate:.2f} Hz, mean weight {weight:.3f} of the largest")


_RULES = {
    "pair": "Additive pair STDP",
    "triplet": "Triplet STDP",
    "multiplicative": "STDP with depression in proportion to the weight",
}


def _bench(name: str, kind: song.Kind) -> Bench:
    some = "a million" if kind.probability == 1 else f"{kind.probability:g} million"
    return Bench(
        name=name,
        title=f"{_RULES[kind.rule]}, 1,000 Poisson inputs onto 1,000 cells, {some} plastic synapses",
        text=f"""
{_RULES[kind.rule]} at every synapse, dt = 0.1 ms, run phase only, milliseconds of wall time per biological second. Rate and
mean weight after the first run are compared.
""",
        make_inputs=lambda generator: {"cells": np.array(1000), "seed": generator.integers(1, 10_000, ())},
        verify=verify,
        contenders=tuple(
            replace(c, options={**c.options, "biological_s": 2.0}) for c in (RANVIER, BRIAN2, BRIAN2_DOUBLE)
        ),
        per="biological second",
    )


BENCHES = {name: _bench(name, kind) for name, kind in song.KINDS.items()}

if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if word in BENCHES]
    options = [word for word in sys.argv[1:] if word not in BENCHES]
    for name in names or BENCHES:
        main(BENCHES[name], options)
