"""Denoisers of small digits, and how good their samples are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

from ranvier.blocks import unet
from ranvier.network import Sequential
from ranvier.neurons import LIF, Cell
from ranvier.recipes.parts.images import images
from ranvier.training import Denoiser, Diffusion, frechet_distance, losses, train
from ranvier.units import ms

__all__ = ["PROCESS", "DenoiserSettings", "denoiser", "digits", "quality", "real_digits", "rectifier", "spiking"]

Tensor = torch.Tensor
PROCESS = Diffusion(steps=100, codes=8)


@dataclass(frozen=True)
class DenoiserSettings:
    """Of training and sampling."""

    epochs: int = 30
    """Passes of every denoiser, in batches of 64."""
    times: int = 4
    """Steps of the spiking networks."""
    made: int = 300
    """Samples of each model."""
    steps: int = 20
    """Evaluations of the model for a sample (DDPM on every fifth step of 100)."""


@lru_cache(maxsize=1)
def digits(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images [S, 1, 8, 8] from -1 to 1 to train, to choose by and to report."""
    train_set, valid, test = (x[:, 0].contiguous() for x, _ in images(seed))
    return train_set, valid, test


def spiking() -> Cell:
    """The cell of the spiking networks."""
    return LIF(tau=2 * ms)


def rectifier() -> Cell:
    """A rectified unit, which makes an ordinary network of the same parts."""
    return Cell("y = maximum(x, 0) : 1\nx : 1 (input)", emit="y", name="relu")


def denoiser(seed: int, s: DenoiserSettings, times: int, **parts: Callable[..., object]) -> Denoiser:
    """A U-Net of two sizes with its own ``parts`` (``cell``, ``norm``), trained on the digits of a seed."""
    torch.manual_seed(seed)
    net = Sequential(*unet(1 + PROCESS.codes, 1, (16, 32), patch=2, **parts), dt=1 * ms, seed=seed)  # pyright: ignore[reportArgumentType]
    x, _, _ = digits(seed)
    train(
        net,
        PROCESS.batches(x, 64, times=times, seed=seed),
        epochs=s.epochs,
        loss=losses.Regression(),
        lr=5e-3,
        schedule="cosine",
        seed=seed,
        progress=False,
    )
    return Denoiser(net.eval(), PROCESS, times)


@lru_cache(maxsize=1)
def _classifier(seed: int) -> tuple[nn.Sequential, nn.Module]:
    """Features [S, 24] and logits of images, learnt from the training images with noise."""
    torch.manual_seed(seed)
    (x, y), _, _ = images(seed)
    body = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 24), nn.ReLU())
    head = nn.Linear(24, 10)
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(40):
        for part in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            noisy = x[part, 0] + 0.2 * torch.randn(len(part), 1, 8, 8)
            nn.functional.cross_entropy(head(body(noisy)), y[part]).backward()
            optimizer.step()
    return body, head


def quality(made: Tensor, seed: int, against: Tensor) -> dict[str, float]:
    """The score by a classifier, the Fréchet distance from images ``against`` in its features, and the distance from what was learnt.

    The score is exp(mean KL(p(y|x) | p(y))), from 1 to 10 (Salimans et al., NeurIPS 2016). The nearest training image lies at the mean
    distance ``nearest``, as a part of that from ``against`` to their nearest training images: far below 1 where samples are copies.
    """
    body, head = _classifier(seed)
    with torch.no_grad():
        p, features, others = head(body(made)).softmax(1), body(made), body(against)
    told = (p * (p.clamp(min=1e-12).log() - p.mean(0).clamp(min=1e-12).log())).sum(1).mean()
    learnt = digits(seed)[0].flatten(1)
    near, usual = (torch.cdist(part.flatten(1), learnt).amin(1).mean() for part in (made, against))
    return {
        "classifier score": float(told.exp()),
        "Fréchet distance": frechet_distance(features, others),
        "nearest": float(near / usual),
    }


def real_digits(seed: int) -> dict[str, float]:
    """The same of the validation images, as if they were samples."""
    _, valid, test = digits(seed)
    return quality(valid, seed, test)
