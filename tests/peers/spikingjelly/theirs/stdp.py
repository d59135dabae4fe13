"""The same with SpikingJelly."""

import torch
from spikingjelly.activation_based import layer, learning, neuron
from torch import nn


def bounded(w):
    return torch.clamp(w, -1, 1.0)


def signals(given):
    net = nn.Sequential(layer.Linear(4, 3, bias=False), neuron.IFNode())
    net[0].weight.data = given["w"].clone()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.0)
    learner = learning.STDPLearner(
        step_mode="s", synapse=net[0], sn=net[1], tau_pre=2.0, tau_post=2.0, f_pre=bounded, f_post=bounded
    )
    spikes, w, pre, post = [], [], [], []
    with torch.no_grad():
        for x in given["x"]:
            optimizer.zero_grad()
            spikes.append(net(x))
            learner.step(on_grad=True)
            optimizer.step()
            net[0].weight.data.clamp_(-1, 1)
            w.append(net[0].weight.data.clone().unsqueeze(0))
            pre.append(learner.trace_pre)
            post.append(learner.trace_post)
    return {"spikes": torch.stack(spikes), "w": torch.stack(w), "x": torch.stack(pre), "y": torch.stack(post)}
