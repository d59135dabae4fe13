"""Conductance-based circuit of 4,000 and 40,000 cells. Run: `python -m benchmarks.simulation.coba`.

Only the run phase is timed; building and compiling are in the column `first call`. A repetition is normalised to one
biological second. The rate is checked before any timing: a circuit that never ignited means nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks._protocol import Arrays, Bench, Contender, Verdict
from benchmarks.series import main
from benchmarks.simulation._circuit import RATE_ACCEPTED_HZ, RATE_HZ

_ACCEPTED = "-".join(f"{rate:g}" for rate in RATE_ACCEPTED_HZ)
_PEERS = "benchmarks.peers_simulation"
RANVIER = Contender("ranvier", "benchmarks.ranvier_side")
BRIAN2 = Contender("brian2", f"{_PEERS}.brian2_side", "simulators", {"precision": "float32"}, prepare_limit_s=900.0)
BRIAN2_DOUBLE = replace(BRIAN2, name="brian2_double", options={"precision": "float64"})
NEST = Contender("nest", f"{_PEERS}.nest_side", "simulators", prepare_limit_s=900.0)
BRAINPY = Contender("brainpy", f"{_PEERS}.brainpy_side", "brainpy", prepare_limit_s=900.0)


def verify(inputs: Arrays, outputs: Arrays, declared: dict[str, Any]) -> Verdict:
    """The mean rate must be that of the active state."""
    rate = float(outputs["rate"])
    low, high = RATE_ACCEPTED_HZ
    synapses = f", {float(outputs['synapses']):.3g} synapses" if "synapses" in outputs else ""
    return Verdict(low <= rate <= high, f"{rate:.2f} Hz{synapses}")


def _bench(cells: int, durations_s: dict[str, float]) -> Bench:
    contenders = tuple(
        replace(c, options={**c.options, "biological_s": durations_s.get(c.name, durations_s["others"])})
        for c in (RANVIER, BRIAN2, BRIAN2_DOUBLE, NEST, BRAINPY)
    )
    return Bench(
        name=f"coba_{cells}",
        title=f"COBA circuit, {cells:,} cells, 80 synapses per cell",
        text=f"""
Conductance-based circuit, dt = 0.1 ms, run phase only, milliseconds of wall time per biological second. Mean rate of
the active state {RATE_HZ[0]:.0f}-{RATE_HZ[1]:.0f} Hz; a contender is timed if its own draw lies in {_ACCEPTED} Hz.
""",
        make_inputs=lambda generator: {"cells": np.array(cells), "seed": generator.integers(1, 10_000, ())},
        verify=verify,
        contenders=contenders,
        per="biological second",
    )


SMALL = _bench(4_000, {"others": 1.0, "nest": 0.5})
LARGE = _bench(40_000, {"others": 1.0, "nest": 0.2})

if __name__ == "__main__":
    main(SMALL)
    main(LARGE)
