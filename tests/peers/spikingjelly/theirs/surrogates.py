"""The same with SpikingJelly."""

import torch
from spikingjelly.activation_based import neuron, surrogate

SURROGATES = {
    "ATan": surrogate.ATan(),
    "Sigmoid": surrogate.Sigmoid(),
    "PiecewiseQuadratic": surrogate.PiecewiseQuadratic(),
    "PiecewiseExp": surrogate.PiecewiseExp(),
    "SoftSign": surrogate.SoftSign(),
    "SuperSpike": surrogate.SuperSpike(),
    "NonzeroSignLogAbs": surrogate.NonzeroSignLogAbs(),
    "Erf": surrogate.Erf(),
    "PiecewiseLeakyReLU": surrogate.PiecewiseLeakyReLU(),
    "S2NN": surrogate.S2NN(),
    "QPseudoSpike": surrogate.QPseudoSpike(),
    "LeakyKReLU": surrogate.LeakyKReLU(),
    "LogTailedReLU": surrogate.LogTailedReLU(),
    "Rect": surrogate.Rect(),
    "DeterministicPass": surrogate.DeterministicPass(),
}


def signals(given):
    found = {}
    for name, function in SURROGATES.items():
        x = given["levels"].clone().requires_grad_()
        spikes = neuron.IFNode(surrogate_function=function, step_mode="m")(x)
        found[name] = torch.autograd.grad(spikes.sum(), x)[0]
    return found
