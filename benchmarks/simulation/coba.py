"""Conductance- and current-based circuits. Run: `python -m benchmarks.simulation.coba [NAME …] [options]`.

Only the run phase is timed; building and compiling are in the column `first call`. A repetition is normalised to one
biological second. The rate is checked before any timing: a circuit that never ignited means nothing.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks._protocol import Arrays, Bench, Contender, Verdict
from benchmarks.series import main
from benchmarks.simulation._circuit import LONGEST_DELAY, Kind

_PEERS = "benchmarks.peers_simulation"
RANVIER = Contender("ranvier", "benchmarks.ranvier_side")
BRIAN2 = Contender("brian2", f"{_PEERS}.brian2_side", "simulators", {"precision": "float32"}, prepare_limit_s=900.0)
BRIAN2_DOUBLE = replace(BRIAN2, name="brian2_double", options={"precision": "float64"})
NEST = Contender("nest", f"{_PEERS}.nest_side", "simulators", prepare_limit_s=900.0)
BRAINPY = Contender("brainpy", f"{_PEERS}.brainpy_side", "brainpy", prepare_limit_s=900.0)


def verify(kind: Kind, inputs: Arrays, outputs: Arrays, declared: dict[str, Any]) -> Verdict:
    """The mean rate must be that of the active state."""
    rate = float(outputs["rate"])
    low, high = kind.accepted_hz
    synapses = f", {float(outputs['synapses']):.3g} synapses" if "synapses" in outputs else ""
    return Verdict(low <= rate <= high, f"{rate:.2f} Hz{synapses}")


_MODELS = {"coba": "Conductance-based circuit (COBA)", "cuba": "Current-based circuit (CUBA)"}


def _bench(cells: int, durations_s: dict[str, float], kind: Kind) -> Bench:
    contenders = tuple(
        replace(c, options={**c.options, "biological_s": durations_s.get(c.name, durations_s["others"])})
        for c in (RANVIER, BRIAN2, BRIAN2_DOUBLE, NEST, BRAINPY)
    )
    own = [word for word, given in (("weights", kind.weights), ("delays", kind.delays)) if given]
    delays = f"from 0 to {LONGEST_DELAY:g} ms" if kind.delays else "of one time step"
    low, high = kind.accepted_hz
    return Bench(
        name="_".join([kind.model, *own, str(cells)]),
        title=f"{kind.model.upper()} circuit, {cells:,} cells, 80 synapses per cell"
        + (f", own {' and '.join(own)} of every synapse" if own else ""),
        text=f"""
{_MODELS[kind.model]}, delays {delays}, dt = 0.1 ms, run phase only, milliseconds of wall time per biological second. A
contender is timed if the mean rate of its own draw lies in the range of the active state, {low:g}-{high:g} Hz.
""",
        make_inputs=lambda generator: {"cells": np.array(cells), "seed": generator.integers(1, 10_000, ())},
        verify=partial(verify, kind),
        contenders=contenders,
        per="biological second",
    )


_SHORT, _LONG, _HUGE = {"others": 1.0, "nest": 0.5}, {"others": 1.0, "nest": 0.2}, {"others": 0.2, "nest": 0.02}
BENCHES = {
    bench.name: bench
    for bench in (
        _bench(4_000, _SHORT, Kind("coba")),
        _bench(40_000, _LONG, Kind("coba")),
        _bench(400_000, _HUGE, Kind("coba")),
        _bench(4_000, _SHORT, Kind("coba", weights=True)),
        _bench(40_000, _LONG, Kind("coba", weights=True)),
        _bench(4_000, _SHORT, Kind("coba", weights=True, delays=True)),
        _bench(4_000, _SHORT, Kind("cuba")),
    )
}

if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if word in BENCHES]
    options = [word for word in sys.argv[1:] if word not in BENCHES]
    for name in names or BENCHES:
        main(BENCHES[name], options)
