"""A thousand inputs onto a thousand cells, every synapse plastic. Run: `python -m benchmarks.simulation.stdp`."""

from __future__ import annotations

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


BENCH = Bench(
    name="stdp_1000",
    title="STDP, 1,000 Poisson inputs onto 1,000 cells, a million plastic synapses",
    text="""
Additive pair STDP at every synapse, dt = 0.1 ms, run phase only, milliseconds of wall time per biological second. Rate and
mean weight after the first run are compared.
""",
    make_inputs=lambda generator: {"cells": np.array(1000), "seed": generator.integers(1, 10_000, ())},
    verify=verify,
    contenders=tuple(replace(c, options={**c.options, "biological_s": 2.0}) for c in (RANVIER, BRIAN2, BRIAN2_DOUBLE)),
    per="biological second",
)

if __name__ == "__main__":
    main(BENCH)
