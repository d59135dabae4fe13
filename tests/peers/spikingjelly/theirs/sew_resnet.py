"""The same with SpikingJelly."""

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn


def cell():
    return neuron.IFNode(surrogate_function=surrogate.ATan(), detach_reset=True)


def stage(before, after, size=3, stride=1):
    conv = layer.Conv2d(before, after, size, stride, size // 2, bias=False)
    return conv, layer.BatchNorm2d(after), cell()


class Block(nn.Module):
    def __init__(self, before, after, stride=1):
        super().__init__()
        self.branch = nn.Sequential(*stage(before, after, stride=stride), *stage(after, after))
        same = before == after and stride == 1
        self.past = nn.Identity() if same else nn.Sequential(*stage(before, after, 1, stride))

    def forward(self, x):
        return self.branch(x) + self.past(x)


def network(channels):
    blocks = Block(channels, channels), Block(channels, 2 * channels, 2)
    head = layer.AdaptiveAvgPool2d(1), layer.Flatten(), layer.Linear(2 * channels, 10)
    net = nn.Sequential(*stage(1, channels), *blocks, *head)
    functional.set_step_mode(net, "m")
    return net


def shown(images):
    return images.unsqueeze(0).expand(4, -1, -1, -1, -1)


def signals(given):
    net = network(3).eval()
    net.load_state_dict(given["state"])
    found, x = {}, shown(given["x"])
    for part in net:
        x = part(x)
        if isinstance(part, Block):
            found[f"join{len(found) + 1}"] = x
    return found | {"out": x}


def logits(net, images):
    functional.reset_net(net)
    return net(shown(images)).mean(0)


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = network(16)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for k in torch.randperm(len(samples.y)).split(64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(logits(net, samples.x[k]), samples.y[k])
            loss.backward()
            optimizer.step()
        schedule.step()
    net.eval()
    with torch.no_grad():
        return (logits(net, samples.x_test).argmax(1) == samples.y_test).float().mean().item()
