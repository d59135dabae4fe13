"""Networks of torch alone, trained: what both sides of a port that converts a network start from."""

import torch
from torch import nn


def normed(channels, side):
    """Two convolutions with batch norms, and two dense layers."""

    def stage(before):
        return nn.Conv2d(before, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(), nn.AvgPool2d(2)

    dense = nn.Flatten(), nn.Linear(channels * (side // 4) ** 2, 64), nn.ReLU(), nn.Linear(64, 10)
    return nn.Sequential(*stage(1), *stage(channels), *dense)


def unbiased(channels, side):
    """Two convolutions and two dense layers, without biases."""
    first = nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.ReLU(), nn.AvgPool2d(2)
    second = nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()
    dense = nn.Linear(2 * channels * (side // 4) ** 2, 64, bias=False), nn.ReLU(), nn.Linear(64, 10, bias=False)
    return nn.Sequential(*first, *second, *dense)


def loaded(model, state):
    """The network with the weights of a witness, in evaluation."""
    model.load_state_dict(state)
    return model.eval()


def trained(model, samples, epochs):
    """The network after training on images, in evaluation."""
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for k in torch.randperm(len(samples.y)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(samples.x[k]), samples.y[k]).backward()
            optimizer.step()
    return model.eval()
