"""Training of the weights that come with the package."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch import nn

from ranvier._nearest import meant
from ranvier.data import Splits
from ranvier.data import load as load_data
from ranvier.errors import RanvierError
from ranvier.models._card import Card
from ranvier.models._create import create
from ranvier.models._folder import card_in, save_model
from ranvier.network import Network
from ranvier.training import losses, train

__all__ = ["TRAININGS", "Training", "accuracy", "shown", "train_weights"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Training:
    """Training on images that every step shows unchanged. The mean over steps gives the class, and AdamW follows a cosine schedule."""

    model: str
    data: str = "digits"
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 4
    epochs: int = 8
    lr: float = 1e-2
    seeds: tuple[int, ...] = (0, 1, 2)


_SMALL = {"channels": (16, 32)}
#: by the name of the weights
TRAININGS: dict[str, Training] = {
    "ems_mini.digits": Training("ems_mini", options=_SMALL),
    "ms_mini.digits": Training("ms_mini", options=_SMALL),
    "plain_conv_mini.digits": Training("plain_conv_mini", options=_SMALL, epochs=20),
    "sew_mini.digits": Training("sew_mini", options=_SMALL),
    "vgg_mini.digits": Training("vgg_mini", options={"plan": (16, "M", 32)}, epochs=20),
}


def train_weights(name: str, folder: str | os.PathLike[str], seeds: Sequence[int] | None = None) -> Card:
    """Train one network for each seed, save that of the first with its card into ``folder``, and return the card.

    Validation images choose the epoch. Test images are shown once.

    Raises
    ------
    RanvierError
        Where there is no such training.
    """
    if name not in TRAININGS:
        raise RanvierError(f"there is no training {name!r}.{meant(name, TRAININGS)} There are {', '.join(TRAININGS)}.")
    t = TRAININGS[name]
    seeds = t.seeds if seeds is None else tuple(seeds)
    if not seeds:
        raise RanvierError("seeds is empty: give at least one.")
    sets = load_data(t.data)
    nets = [_fitted(t, sets, seed) for seed in seeds]
    right = [accuracy(net, *shown(sets.test.tensors(), t.steps)) for net in nets]
    save_model(
        nets[0], folder, name=name, input=(1, *sets.test[0][0].shape), steps=t.steps, data=f"{sets.card.title}; {sets.card.split}",
        licence=f"weights Apache-2.0; data {sets.card.licence} ({sets.card.citation})", measure="accuracy", figure=fmean(right),
        spread=stdev(right) if len(right) > 1 else None, seeds=seeds, command=f"ranvier train {name}",
    )  # fmt: skip
    return card_in(Path(folder))


def _fitted(t: Training, sets: Splits, seed: int) -> Network:
    torch.manual_seed(seed)
    net = create(t.model, **t.options, seed=seed)
    learn, valid = (shown(part.tensors(), t.steps) for part in (sets.train, sets.valid))
    train(
        net, *((x.transpose(0, 1), y) for x, y in (learn, valid)), epochs=t.epochs, lr=t.lr, batch_size=64, schedule="cosine", seed=seed,
        optimizer=partial(torch.optim.AdamW, weight_decay=1e-2), loss=losses.OverTime(nn.CrossEntropyLoss()), progress=False,
    )  # fmt: skip
    return net.eval()


def shown(images: tuple[Tensor, Tensor], steps: int) -> tuple[Tensor, Tensor]:
    """Images [S, H, W] as [T, S, 1, H, W], the same in every step, and their classes."""
    x, y = images
    return x[None, :, None].expand(steps, -1, -1, -1, -1), y


@torch.no_grad()
def accuracy(net: Network, x: Tensor, y: Tensor) -> float:
    """The share of samples x [T, S, …] with the right class."""
    return float((net(x)[0].mean(0).argmax(1) == y).double().mean())
