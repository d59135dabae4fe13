"""The cortical microcircuit beside NEST. Run: `python -m benchmarks.simulation.microcircuit [PERCENT …] --peers-python … `.

Only the run phase is timed; what building takes stands under the table. Rates are compared population by population.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from benchmarks._protocol import Arrays, Bench, Contender, Verdict
from benchmarks.series import main
from ranvier.recipes.parts import cortex

#: per cent of full scale -> biological seconds of a repetition, for NEST a part of that
SCALES = {10: 1.0, 20: 0.5, 50: 0.2, 100: 0.1}
_NEST_PART = 0.25


def verify(inputs: Arrays, outputs: Arrays, declared: dict[str, Any]) -> Verdict:
    """Rates of the eight populations near the published ones (further below the smaller the circuit), equal synapses."""
    scale, rates = float(inputs["scale"]), outputs["rates"]
    wanted = sum(path.synapses for path in cortex.pathways(scale))
    low = np.array(cortex.RATES) * (0.4 if scale < 0.3 else 0.6)
    near = bool((rates > low).all() and (rates < 1.4 * np.array(cortex.RATES)).all())
    shown = ", ".join(f"{rate:.2f}" for rate in rates)
    return Verdict(near and int(outputs["synapses"]) == wanted, f"{shown} Hz, {int(outputs['synapses']):,} synapses")


def _bench(percent: int, seconds: float) -> Bench:
    scale = percent / 100
    cells = sum(cortex.sizes(scale))
    return Bench(
        name=f"microcircuit_{percent}",
        title=f"Cortical microcircuit, {percent} % ({cells:,} cells)",
        text=f"""
Potjans and Diesmann (2014) at {percent} % of its cells and of the synapses per cell, adjusted so that rates stay (`ranvier simulate microcircuit`); a
weight and a delay for every synapse, Poisson drive, dt = 0.1 ms, spikes of all cells recorded; milliseconds of wall time per
biological second. Rates are those of 1 s (L2/3e, L2/3i, L4e, … L6i).
""",
        make_inputs=lambda generator: {"scale": np.array(scale), "seed": generator.integers(1, 10_000, ())},
        verify=verify,
        contenders=(
            Contender("ranvier", "benchmarks.ranvier_microcircuit", options={"biological_s": seconds}),
            Contender(
                "nest", "benchmarks.peers_simulation.nest_microcircuit", "simulators",
                {"biological_s": seconds * _NEST_PART}, prepare_limit_s=1800.0,
            ),
        ),
        per="biological second",
    )  # fmt: skip


BENCHES = {percent: _bench(percent, seconds) for percent, seconds in SCALES.items()}

if __name__ == "__main__":
    chosen = [word for word in sys.argv[1:] if word.isdigit() and int(word) in BENCHES]
    given = [word for word in sys.argv[1:] if word not in chosen]
    for word in chosen or ["10", "20"]:
        main(BENCHES[int(word)], given)
