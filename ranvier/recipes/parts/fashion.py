"""Fashion-MNIST: the images, a small spiking convolutional network, and a linear model to compare with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional
from torch.utils.data import Dataset

from ranvier.connectivity import Conv2d, Linear, ThresholdBatchNorm
from ranvier.data import read_idx
from ranvier.errors import FileFormatError
from ranvier.network import Network, Sequential
from ranvier.neurons import LIF
from ranvier.training import losses
from ranvier.units import ms

__all__ = ["FOLDER", "Flipped", "Images", "Setup", "accuracy", "linear_model", "load", "loss", "network", "repeated"]

Tensor = torch.Tensor
#: where Debian's package dataset-fashion-mnist puts its files
FOLDER = Path("/usr/share/datasets/fashion-mnist")
#: mean and standard deviation of the training pixels from 0 to 1
_MEAN, _STD = 0.2860, 0.3530


@dataclass(frozen=True)
class Setup:
    """Everything that was decided beforehand; chosen on the validation set of seed 0.

    ``steps`` of 1 ms per image, then stage by stage to 1; ``tau`` ms of every cell; channels, hidden cells; ``epochs`` at
    the full number of steps, in each further ``stage``, and in the ``last`` at one step; learning rates of the two; AdamW with weight ``decay``.
    """

    steps: int = 5
    channels: tuple[int, int] = (32, 64)
    hidden: int = 128
    tau: float = 2.0
    epochs: int = 5
    stage_epochs: int = 2
    last_epochs: int = 5
    lr: float = 2e-3
    stage_lr: float = 1e-3
    decay: float = 1e-2
    smoothing: float = 0.05
    batch_size: int = 64


@dataclass(frozen=True)
class Images:
    """Normalised images [S, 1, 28, 28] and classes [S] from 0 to 9: to train, to choose by, to report."""

    train: tuple[Tensor, Tensor]
    valid: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def load(folder: Path = FOLDER, seed: int = 0) -> Images:
    """50,000 training and 10,000 validation images, drawn from the training set by ``seed``, and the 10,000 for testing.

    Source: Xiao, Rasul & Vollgraf 2017 (Fashion-MNIST), MIT licence.

    Raises
    ------
    FileFormatError
        Where a file is missing, damaged, or not that of Fashion-MNIST.
    """
    sets = []
    for name, count in (("train", 60_000), ("t10k", 10_000)):
        if not os.path.exists(folder / f"{name}-images-idx3-ubyte.gz"):
            raise FileFormatError(
                f"{folder} holds no {name}-images-idx3-ubyte.gz: install the Debian package dataset-fashion-mnist, or name the folder that holds it."
            )
        pixels = read_idx(folder / f"{name}-images-idx3-ubyte.gz")
        target = read_idx(folder / f"{name}-labels-idx1-ubyte.gz")
        if pixels.shape != (count, 28, 28) or target.shape != (count,):
            raise FileFormatError(
                f"{folder} holds {pixels.shape} images and {target.shape} labels; expected {count} each."
            )
        x = (torch.from_numpy(pixels).float().unsqueeze(1) / 255 - _MEAN) / _STD
        sets.append((x, torch.from_numpy(target.astype(np.int64))))
    (x, y), test = sets
    kept, left = train_test_split(np.arange(len(y)), test_size=10_000, stratify=y.numpy(), random_state=seed)
    return Images((x[kept], y[kept]), (x[left], y[left]), test)


def repeated(images: tuple[Tensor, Tensor], steps: int) -> tuple[Tensor, Tensor]:
    """Every image shown in each of ``steps`` steps [S, T, 1, 28, 28] (a view), and the classes."""
    x, y = images
    return x.unsqueeze(1).expand(-1, steps, -1, -1, -1), y


class Flipped(Dataset[tuple[Tensor, Tensor]]):
    """The same, each image mirrored left to right in half of the epochs."""

    def __init__(self, images: tuple[Tensor, Tensor], steps: int) -> None:
        self.images, self.steps = images, steps

    def __len__(self) -> int:
        return len(self.images[1])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x = self.images[0][index]
        x = x.flip(-1) if float(torch.rand(())) < 0.5 else x
        return x.expand(self.steps, *x.shape), self.images[1][index]


def network(setup: Setup, seed: int) -> Sequential:
    """Two convolutions of stride 2 and a hidden layer of spiking cells; the classes are read from currents.

    Pixels enter as currents in every step; all that moves between layers is spikes.
    """
    torch.manual_seed(seed)
    one, two = setup.channels

    return Sequential(
        Conv2d(1, one, 5, stride=2, padding=2, bias=False), ThresholdBatchNorm(one), LIF(tau=setup.tau * ms),
        Conv2d(one, two, 3, stride=2, padding=1, bias=False), ThresholdBatchNorm(two), LIF(tau=setup.tau * ms),
        nn.Flatten(), Linear(two * 49, setup.hidden, bias=False), ThresholdBatchNorm(setup.hidden), LIF(tau=setup.tau * ms),
        Linear(setup.hidden, 10), dt=1 * ms, seed=seed,
    )  # fmt: skip


def loss(setup: Setup) -> losses.OverTime:
    """Cross-entropy, with smoothed labels, of the mean output over time."""
    return losses.OverTime(nn.CrossEntropyLoss(label_smoothing=setup.smoothing))


def accuracy(net: Network, images: tuple[Tensor, Tensor], steps: int) -> tuple[float, float]:
    """The fraction classified correctly, and the mean number of spikes of all cells per image."""
    training, right, spikes = net.training, 0, 0.0
    record = {n: ["spikes"] for n in net.populations}
    net.eval()
    with torch.no_grad():
        for first in range(0, len(images[1]), 500):
            x, y = repeated((images[0][first : first + 500], images[1][first : first + 500]), steps)
            seen = net.observe(x.transpose(0, 1), record={**record, net.outputs[0]: ["x"]})
            right += int((seen[net.outputs[0]]["x"].mean(0).argmax(1) == y).sum())
            spikes += sum(float(seen[n]["spikes"].sum()) for n in record)
    net.train(training)
    return right / len(images[1]), spikes / len(images[1])


def linear_model(images: Images, seed: int, epochs: int = 20) -> tuple[float, float]:
    """Validation and test accuracy of softmax regression on the pixels, from its best epoch on the validation set."""
    torch.manual_seed(seed)
    model = nn.Linear(784, 10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    x, y = images.train[0].flatten(1), images.train[1]
    best, kept = 0.0, {n: t.clone() for n, t in model.state_dict().items()}
    for _ in range(epochs):
        for chosen in torch.randperm(len(y)).split(256):
            optimizer.zero_grad()
            functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
        score = _right(model, images.valid)
        if score > best:
            best, kept = score, {n: t.clone() for n, t in model.state_dict().items()}
    model.load_state_dict(kept)
    return best, _right(model, images.test)


@torch.no_grad()
def _right(model: nn.Linear, images: tuple[Tensor, Tensor]) -> float:
    return float((model(images[0].flatten(1)).argmax(1) == images[1]).double().mean())
