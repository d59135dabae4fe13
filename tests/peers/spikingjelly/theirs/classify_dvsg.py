"""The same with SpikingJelly."""

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn


def network(channels, stages, hidden, flat):
    def cell():
        return neuron.LIFNode(surrogate_function=surrogate.ATan(), detach_reset=True)

    parts, before = [], 2
    for _ in range(stages):
        conv = layer.Conv2d(before, channels, 3, padding=1, bias=False)
        parts += [conv, layer.BatchNorm2d(channels), cell(), layer.MaxPool2d(2, 2)]
        before = channels
    parts += [layer.Flatten(), layer.Dropout(0.5), layer.Linear(flat, hidden), cell()]
    net = nn.Sequential(*parts, layer.Dropout(0.5), layer.Linear(hidden, 100), cell(), layer.VotingLayer(10))
    functional.set_step_mode(net, "m")
    return net


def signals(given):
    net = network(3, 2, 20, 12).eval()
    net.load_state_dict(given["state"])
    found, x = {}, given["x"]
    for part in net:
        x = part(x)
        if isinstance(part, neuron.LIFNode):
            found[f"lifnode{len(found) + 1}"] = x
    return found | {"votes": x}


def rates(net, frames):
    functional.reset_net(net)
    return net(frames.transpose(0, 1)).mean(0)


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    stages = 2 if samples.x.shape[-1] < 16 else 3
    net = network(16, stages, 128, 16 * (samples.x.shape[-1] // 2**stages) ** 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for k in torch.randperm(len(samples.y)).split(32):
            optimizer.zero_grad()
            target = nn.functional.one_hot(samples.y[k], 10).float()
            loss = nn.functional.mse_loss(rates(net, samples.x[k]), target)
            loss.backward()
            optimizer.step()
        schedule.step()
    net.eval()
    with torch.no_grad():
        return (rates(net, samples.x_test).argmax(1) == samples.y_test).float().mean().item()
