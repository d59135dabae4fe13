"""The losses and surrogates of snnTorch."""

import snntorch as snn
import torch
from snntorch import functional as SF
from snntorch import surrogate

SURROGATES = {
    "atan": surrogate.atan(),
    "fast_sigmoid": surrogate.fast_sigmoid(),
    "sigmoid": surrogate.sigmoid(),
    "straight_through": surrogate.straight_through_estimator(),
    "heaviside": surrogate.heaviside(),
    "spike_rate_escape": surrogate.spike_rate_escape(),
    "SFS": surrogate.SFS(),
}


def slope(spike_grad, x):
    x = x.clone().requires_grad_()
    cell = snn.Leaky(beta=0.5, spike_grad=spike_grad)
    spikes = torch.stack([cell(now, torch.zeros_like(now))[0] for now in x])
    return torch.autograd.grad(spikes.sum(), x)[0]


def signals(given):
    spikes, v, y = given["spikes"], given["v"], given["y"].long()
    losses = {
        "ce_rate_loss": SF.ce_rate_loss()(spikes, y),
        "ce_count_loss": SF.ce_count_loss()(spikes, y),
        "ce_max_membrane_loss": SF.ce_max_membrane_loss()(v, y),
        "ce_temporal_loss": SF.ce_temporal_loss()(spikes, y),
        "mse_count_loss": SF.mse_count_loss(correct_rate=0.75, incorrect_rate=0.25)(spikes, y),
        "mse_membrane_loss": SF.mse_membrane_loss(on_target=1.05, off_target=0.2)(v, y),
        "accuracy_rate": torch.tensor(SF.accuracy_rate(spikes, y)),
        "accuracy_temporal": torch.tensor(SF.accuracy_temporal(spikes, y)),
    }
    losses = {name: loss.squeeze() for name, loss in losses.items()}
    return {**losses, **{name: slope(s, given["levels"]) for name, s in SURROGATES.items()}}
