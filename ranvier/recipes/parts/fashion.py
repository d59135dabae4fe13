"""Fashion-MNIST: images in parts drawn by the seed, a small convolutional network, spiking or ordinary, and its score."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from ranvier.connectivity import Conv2d, Linear, ThresholdBatchNorm
from ranvier.data import Splits, read_idx
from ranvier.errors import RanvierError
from ranvier.network import Network, Sequential
from ranvier.neurons import LIF
from ranvier.recipes.parts.baseline import support_vectors
from ranvier.recipes.parts.copies import marks, refuse_copies
from ranvier.recipes.parts.images import repeated
from ranvier.recipes.parts.split import Split
from ranvier.units import ms

__all__ = ["Flipped", "Images", "accuracy", "drawn", "mirrored_machine", "network", "supplied"]

Tensor = torch.Tensor
#: mean and standard deviation of the training pixels from 0 to 1
_MEAN, _STD = 0.2860, 0.3530
#: channels of both convolutions, hidden cells, and time constant of all cells in ms
_CHANNELS, _HIDDEN, _TAU = (32, 64), 128, 2.0


@dataclass(frozen=True)
class Images:
    """Normalised images [S, 1, 28, 28] and classes [S] from 0 to 9: to train, to choose by, to report."""

    train: tuple[Tensor, Tensor]
    valid: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def drawn(sets: Splits, learnt: int, chosen_by: int, seed: int, tested: int) -> Images:
    """``learnt`` and ``chosen_by`` training images, in which all classes are equally frequent, drawn by ``seed``; the first ``tested`` test images."""
    from sklearn.model_selection import train_test_split

    parts = [part.tensors() for part in (sets.train, sets.valid, sets.test)]
    x, y = (torch.cat(pair) for pair in zip(*parts, strict=True))
    pool, test = np.split(np.arange(len(y)), [len(y) - len(sets.test)])
    train, valid = train_test_split(
        pool, train_size=learnt, test_size=chosen_by, stratify=y[pool].numpy(), random_state=seed
    )
    split = Split(train, valid, test[:tested])
    shown = (x.unsqueeze(1) - _MEAN) / _STD
    return Images(*((shown[p], y[p]) for p in (split.train, split.valid, split.test)))


def supplied(images: Images, sets: Splits, folder: Path) -> Images:
    """The same, but for the test images, which are those in ``folder``.

    Raises
    ------
    RanvierError
        Where there are none, they are of another form, or some are training images of the set.
    """
    names = [folder / f"t10k-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
    if missing := [str(path) for path in names if not path.is_file()]:
        raise RanvierError(
            f"there is no {' and no '.join(missing)}; give both, with --data FOLDER above fashion_mnist/."
        )
    pixels, target = map(read_idx, names)
    if pixels.shape[1:] != (28, 28) or target.shape != pixels.shape[:1] or not len(target) or target.max() > 9:
        raise RanvierError(
            f"{folder} holds images {pixels.shape} and labels {target.shape}; give [S, 28, 28] and [S], classes from 0 to 9."
        )
    x = torch.from_numpy(pixels).float() / 255
    known = {copy for part in (sets.train, sets.valid) for copy in marks(part.items())}
    refuse_copies([k for k, copy in enumerate(marks(x)) if copy in known], len(x), "image", folder)
    return replace(images, test=((x.unsqueeze(1) - _MEAN) / _STD, torch.from_numpy(target.astype(np.int64))))


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


def network(seed: int, spiking: bool = True) -> Sequential:
    """Two convolutions of stride 2 and a hidden layer, of spiking cells or of rectified units; classes are read from currents.

    Pixels enter as currents in every step; all that moves between layers of spiking cells is spikes.
    """
    torch.manual_seed(seed)
    one, two = _CHANNELS
    cell = partial(LIF, tau=_TAU * ms) if spiking else nn.ReLU
    return Sequential(
        Conv2d(1, one, 5, stride=2, padding=2, bias=False), ThresholdBatchNorm(one), cell(),
        Conv2d(one, two, 3, stride=2, padding=1, bias=False), ThresholdBatchNorm(two), cell(),
        nn.Flatten(), Linear(two * 49, _HIDDEN, bias=False), ThresholdBatchNorm(_HIDDEN), cell(),
        Linear(_HIDDEN, 10), dt=1 * ms, seed=seed,
    )  # fmt: skip


@torch.no_grad()
def accuracy(net: Network, images: tuple[Tensor, Tensor], steps: int) -> tuple[float, float]:
    """The fraction classified correctly, and the mean number of spikes of all cells per image."""
    training, right, spikes = net.training, 0, 0.0
    record = {n: ["spikes"] for n, p in net.populations.items() if p.cell.fires}
    net.eval()
    for first in range(0, len(images[1]), 500):
        x, y = repeated((images[0][first : first + 500], images[1][first : first + 500]), steps)
        seen = net.observe(x.transpose(0, 1), record={**record, net.outputs[0]: ["x"]})
        right += int((seen[net.outputs[0]]["x"].mean(0).argmax(1) == y).sum())
        spikes += sum(float(seen[n]["spikes"].sum()) for n in record)
    net.train(training)
    return right / len(images[1]), spikes / len(images[1])


def mirrored_machine(images: Images, seed: int) -> float:
    """Test accuracy of support vectors on 50 principal components, learnt from every image and its mirror image."""
    from sklearn.decomposition import PCA

    x, y = images.train
    learn = torch.cat([x, x.flip(-1)]).flatten(1).numpy()
    parts = PCA(min(50, *learn.shape), random_state=seed).fit(learn)
    seen = [(parts.transform(x.flatten(1).numpy()), y.numpy()) for x, y in (images.valid, images.test)]
    return support_vectors((parts.transform(learn), np.tile(y.numpy(), 2)), *seen, seed=seed).test
