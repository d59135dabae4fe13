"""One description of a circuit for single simulations and for batches of trials."""

from __future__ import annotations

import numpy as np
import torch

from ranvier.network import SpikeTrains
from ranvier.recipes.parts.one_circuit import CHANNELS, circuit, trials
from ranvier.units import ms


def test_a_simulation_and_a_batch_fire_the_same_spikes() -> None:
    cues, _ = trials(3, seed=1)
    batch = circuit(60, seed=2).observe(cues.transpose(0, 1), record={"exc": ["spikes"]})["exc"]["spikes"]
    assert batch.sum() > 20
    for k, cue in enumerate(cues):
        step, channel = np.nonzero(cue.numpy())
        alone = circuit(60, seed=2, cue=SpikeTrains(step, channel, CHANNELS))
        fired = alone.run(len(cue) * ms, record={"exc": ["spikes"]})["exc"].spikes
        assert set(zip(fired.step.tolist(), fired.cell.tolist(), strict=True)) == set(
            map(tuple, batch[:, k].nonzero().tolist())
        )


def test_no_sum_of_counts_tells_the_decision() -> None:
    cues, decision = trials(4000, seed=3)
    halves = cues.sum(1).unflatten(1, (2, -1)).sum(2)
    assert abs(float(np.corrcoef(halves.sum(1), decision)[0, 1])) < 0.1
    active = halves > halves.mean(0)
    assert torch.equal((active[:, 0] != active[:, 1]).long(), decision)
