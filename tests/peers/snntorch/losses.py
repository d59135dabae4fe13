"""Beside the tutorials: the losses of snnTorch's ``functional``, and its surrogates as derivatives of a spike."""

import torch
from torch.nn.functional import one_hot

from ranvier.compat.snntorch import Leaky
from ranvier.surrogates import ArcTan, FastSigmoid, Sigmoid, StraightThrough, Surrogate
from ranvier.training.losses import EveryStep, FirstSpike, MaxOverTime, Regression, SpikeCount, SpikeRate
from ranvier.units import ms

SURROGATES = {
    "atan": ArcTan(alpha=2.0),
    "fast_sigmoid": FastSigmoid(alpha=25),
    "sigmoid": Sigmoid(alpha=25),
    "straight_through": StraightThrough(),
    "heaviside": Surrogate("int(u > 0)"),
    "spike_rate_escape": Surrogate("slope*exp(-beta*abs(u - 1))", slope=25, beta=1),
    "SFS": Surrogate("int(u > low)/(slope*abs(u) + 1)**2", slope=25, low=1),
}


def slope(surrogate, x):
    x = x.clone().requires_grad_()
    spikes, _ = Leaky(beta=0.5, spike_grad=surrogate).layer(dt=1 * ms)(x)
    return torch.autograd.grad(spikes.sum(), x)[0]


def signals(given):
    spikes, v, y = given["spikes"], given["v"], given["y"].long()
    losses = {
        "ce_rate_loss": EveryStep()(spikes, y),
        "ce_count_loss": SpikeCount()(spikes, y),
        "ce_max_membrane_loss": MaxOverTime()(v, y),
        "ce_temporal_loss": FirstSpike()(spikes, y),
        "mse_count_loss": len(v) * SpikeRate(correct=0.75, incorrect=0.25)(spikes, y),
        "mse_membrane_loss": Regression(at="every")(v, 0.2 + 0.85 * one_hot(y, v.shape[2])),
        "accuracy_rate": (SpikeCount().predict(spikes) == y).float().mean(),
        "accuracy_temporal": (FirstSpike().predict(spikes) == y).float().mean(),
    }
    return {**losses, **{name: slope(s, given["levels"]) for name, s in SURROGATES.items()}}
