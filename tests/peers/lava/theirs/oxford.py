"""The same with Lava-DL."""

import torch
from lava.lib.dl import slayer


class Network(torch.nn.Module):
    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        params = {"threshold": 0.1, "current_decay": 1, "voltage_decay": 0.1}
        dense = slayer.block.cuba.Dense
        self.blocks = torch.nn.ModuleList([dense(params, inputs, hidden), dense(params, hidden, outputs)])

    def forward(self, spikes):
        for block in self.blocks:
            spikes = block(spikes)
        return spikes


def later(voltage):
    return torch.cat([torch.zeros_like(voltage[:1]), voltage[:-1]])


def signals(given):
    net = Network(30, 20, 15)
    v, inside = [], given["x"].permute(1, 2, 0)
    for block, weight in zip(net.blocks, given["weights"].values(), strict=True):
        block.synapse.weight.data = weight.reshape(block.synapse.weight.shape).clone()
        v.append(block.neuron.dynamics(block.synapse(inside))[1])
        inside = block(inside)
    loss = slayer.loss.SpikeTime(time_constant=2, filter_order=2)(inside, given["y"].transpose(1, 2))
    loss.backward()
    one = slayer.neuron.cuba.Neuron(threshold=0.5, current_decay=0.25, voltage_decay=0.03)
    alone = one.dynamics(given["current"].permute(1, 2, 0))[1]
    return {
        "v1": later(v[0].permute(2, 0, 1)),  # blocks send their spikes one step later; ours receive them one step later
        "v2": later(v[1].permute(2, 0, 1)),
        "spikes": inside.permute(2, 0, 1),
        **{f"gradient_{k}": b.synapse.weight.grad.flatten(1) for k, b in enumerate(net.blocks, 1)},
        "v_of_a_current": alone.permute(2, 0, 1),
        "spikes_of_a_current": one.spike(alone).permute(2, 0, 1),
    }


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = Network(samples.x.shape[2], 128, samples.y.shape[2])
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    error = slayer.loss.SpikeTime(time_constant=2, filter_order=2)
    x, y = samples.x.transpose(1, 2), samples.y.transpose(1, 2)
    assistant = slayer.utils.Assistant(net, error, optimizer)
    for _ in range(epochs):
        assistant.train(x, y)
    with torch.no_grad():
        return error(net(x), y).item() / (2 * y.shape[0] * y.shape[1])
