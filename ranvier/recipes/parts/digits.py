"""Handwritten digits as spike latencies: a small network trained by gradients, seed after seed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ranvier.connectivity import Linear
from ranvier.errors import FileFormatError, RanvierError
from ranvier.limits import content
from ranvier.network import Plan, Sequential
from ranvier.neurons import LIF, LeakyReadout
from ranvier.recipes.parts.baseline import Baseline, nearest_neighbours, support_vectors
from ranvier.recipes.parts.copies import refuse_copies
from ranvier.recipes.parts.distort import Distorted, distort
from ranvier.recipes.parts.linear_model import linear_model
from ranvier.recipes.parts.split import Split, split
from ranvier.training import Fit, losses, rules, train
from ranvier.units import ms

__all__ = [
    "Digits",
    "DigitsResult",
    "Example",
    "SeedResult",
    "Setup",
    "latencies",
    "load",
    "network",
    "read",
    "run_seed",
]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Setup:
    """Everything that was decided beforehand; chosen on validation sets.

    ``steps`` of 1 ms per image; ``hidden`` cells with membrane time constant ``tau`` ms; ``gain`` on the initial input
    weights; ``scale`` of the read-out in the loss; ``variants`` of every training image, from which the
    baselines learn too; ``decay`` of the weights (AdamW).
    """

    steps: int = 12
    hidden: int = 512
    tau: float = 20.0
    gain: float = 4.0
    scale: float = 10.0
    variants: int = 16
    epochs: int = 150
    batch_size: int = 128
    lr: float = 1e-2
    decay: float = 0.3


@dataclass(frozen=True)
class Digits:
    """``pixels`` [S, 64] from 0 (paper) to 16 (ink), in rows of eight; ``target`` [S] from 0 to 9."""

    pixels: np.ndarray
    target: np.ndarray


@dataclass(frozen=True)
class Example:
    """One test image on its way: pixels [8, 8], spikes of input and hidden cells [T, N], read-out membranes [T, 10]."""

    pixels: np.ndarray
    target: int
    input: np.ndarray
    hidden: np.ndarray
    readout: np.ndarray


@dataclass(frozen=True)
class SeedResult:
    """One seed: its own split, its own initial weights.

    Attributes
    ----------
    valid, test
        Accuracy of the network from its best epoch; ``test`` was computed once.
    target, predicted
        Class of every test image, and what the network took it for.
    baseline, machine, neighbours
        Logistic regression, support vectors and nearest neighbours, chosen on the validation images; they learnt from distorted
        variants too (logistic regression with or without them, as validates better).
    rates
        Firing rate in Hz of every cell, mean over the test images, by layer.
    weight
        Weights [hidden, 64] from the pixels after training.
    """

    seed: int
    valid: float
    test: float
    baseline: Baseline
    machine: Baseline
    neighbours: Baseline
    fit: Fit
    target: np.ndarray
    predicted: np.ndarray
    rates: Mapping[str, np.ndarray]
    weight: np.ndarray
    example: Example
    plan: Plan
    seconds: float


@dataclass(frozen=True)
class DigitsResult:
    """All seeds, and what they have in common."""

    setup: Setup
    data: Digits
    seeds: tuple[SeedResult, ...]

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1 / len(np.unique(self.data.target))

    @property
    def test(self) -> np.ndarray:
        """Test accuracy of the network, by seed."""
        return np.array([s.test for s in self.seeds])

    @property
    def baseline(self) -> np.ndarray:
        """Test accuracy of logistic regression, by seed."""
        return np.array([s.baseline.test for s in self.seeds])

    @property
    def machine(self) -> np.ndarray:
        """Test accuracy of the support vector machine, by seed."""
        return np.array([s.machine.test for s in self.seeds])

    @property
    def neighbours(self) -> np.ndarray:
        """Test accuracy of nearest neighbours, by seed."""
        return np.array([s.neighbours.test for s in self.seeds])


def load() -> Digits:
    """The 1,797 digits of 8 x 8 pixels that scikit-learn ships: no download.

    Source: Alpaydin & Kaynak, UCI Machine Learning Repository 1998, doi:10.24432/C50P49 (its test half).
    """
    from sklearn.datasets import load_digits

    pixels, target = load_digits(return_X_y=True)
    return Digits(np.asarray(pixels), np.asarray(target))


def read(path: Path, own: Digits) -> Digits:
    """Further images: 64 pixels from 0 to 16 and the class in each line, parted by commas.

    Raises
    ------
    RanvierError
        Where the file is missing or of another form, or holds images of ``own``.
    """
    if not path.is_file():
        raise RanvierError(f"there is no {str(path)!r}; give a line of 64 pixels and the class for each image.")
    rows = [line for line in content(path, 20).decode("utf-8", "replace").splitlines() if line.strip()]
    for number, row in enumerate(rows, 1):
        if not re.fullmatch(r"(1[0-6]|[0-9])(,(1[0-6]|[0-9])){63},[0-9]", row.replace(" ", "")):
            raise FileFormatError(
                f"{path}, line {number}: {row[:40]!r} … is not 64 whole numbers from 0 to 16 and a class from 0 to 9, parted by commas."
            )
    if not rows:
        raise FileFormatError(f"{path} holds no images.")
    table = np.array([[int(cell) for cell in row.split(",")] for row in rows], np.float64)
    pixels, target = table[:, :-1], table[:, -1].astype(np.int64)
    known = set(map(tuple, own.pixels))
    refuse_copies([k for k, one in enumerate(map(tuple, pixels)) if one in known], len(rows), "image", path)
    return Digits(pixels, target)


def latencies(pixels: np.ndarray, steps: int) -> Tensor:
    """Pixels [S, P] from 0 to 16 as spikes [S, T, P]: p > 0 fires once, in step round((1 - p/16)*(T - 1)); 0 never.

    Source: Thorpe, Delorme & Van Rullen, Neural Networks 2001 (the strongest input fires first).
    """
    spikes = torch.zeros(len(pixels), steps, pixels.shape[1], dtype=torch.bool)
    sample, pixel = np.nonzero(pixels)
    step = np.rint((1 - pixels[sample, pixel] / 16) * (steps - 1)).astype(np.int64)
    spikes[sample, step, pixel] = True
    return spikes


def network(setup: Setup, seed: int) -> Sequential:
    """64 inputs, ``setup.hidden`` leaky integrate-and-fire cells, ten read-out membranes."""
    torch.manual_seed(seed)
    first = Linear(64, setup.hidden)
    with torch.no_grad():
        first.weight *= setup.gain
    return Sequential(
        first, LIF(setup.hidden, tau=setup.tau * ms), Linear(setup.hidden, 10), LeakyReadout(10, tau=20 * ms),
        dt=1 * ms, seed=seed,
    )  # fmt: skip


def run_seed(
    data: Digits, setup: Setup, seed: int, step: Callable[[], None] = lambda: None, rule: rules.Rule | None = None, further: Digits | None = None,
) -> SeedResult:  # fmt: skip
    """Train and test one network, and the baselines beside it; ``step`` is called after every epoch.

    ``further`` images are tested instead of those of the split.
    """
    start = time.perf_counter()
    parts = split(data.target, seed)
    if further is not None:
        test = len(data.target) + np.arange(len(further.target))
        data = Digits(
            *(np.concatenate(pair) for pair in ((data.pixels, further.pixels), (data.target, further.target)))
        )
        parts = Split(parts.train, parts.valid, test)
    x, y = latencies(data.pixels, setup.steps), torch.from_numpy(data.target)
    net, loss = network(setup, seed), losses.MeanMembrane(scale=setup.scale)
    every = _variants(data, setup, parts.train, seed)
    fit = train(
        net, _varied(data, setup, parts.train, every), (x[parts.valid], y[parts.valid]), epochs=setup.epochs,
        rule=rule or rules.BPTT(),
        loss=loss, optimizer=partial(torch.optim.AdamW, weight_decay=setup.decay), lr=setup.lr, batch_size=setup.batch_size, schedule="cosine", seed=seed, progress=False,
        callbacks=[lambda epoch, net: step()],
    )  # fmt: skip
    return _test(data, setup, seed, parts, x, net, loss, fit, every, start)


def _variants(data: Digits, setup: Setup, chosen: np.ndarray, seed: int) -> np.ndarray:
    """The chosen images and their variants [1 + variants, S, P]."""
    pixels = data.pixels[chosen]
    return np.concatenate([pixels[None], distort(pixels, setup.variants, seed)])


def _varied(data: Digits, setup: Setup, chosen: np.ndarray, every: np.ndarray) -> Distorted:
    x = latencies(every.reshape(-1, every.shape[2]), setup.steps).unflatten(0, every.shape[:2])
    return Distorted(x, torch.from_numpy(data.target[chosen]))


def _test(
    data: Digits, setup: Setup, seed: int, parts: Split, x: Tensor, net: Sequential, loss: losses.MeanMembrane, fit: Fit,
    variants: np.ndarray, start: float,
) -> SeedResult:  # fmt: skip
    shown = x[parts.test].transpose(0, 1).float()
    with torch.no_grad():
        seen = net.observe(shown, record={"lif1": ["spikes"], "readout1": ["v"]})
    hidden, readout = seen["lif1"]["spikes"], seen["readout1"]["v"]
    target, predicted = data.target[parts.test], loss.predict(readout).numpy()
    right = predicted == target
    sample = int(np.argmax(right))
    example = Example(
        data.pixels[parts.test[sample]].reshape(8, 8), int(target[sample]),
        shown[:, sample].numpy(), hidden[:, sample].numpy(), readout[:, sample].numpy(),
    )  # fmt: skip
    per_second = 1000 / net.dt
    rates = {
        "input": shown.mean((0, 1)).numpy() * per_second,
        "hidden": hidden.mean((0, 1)).numpy() * per_second,
    }
    weight = net.state_dict()["linear1.weight"].numpy()
    learn, asked, told = ((data.pixels[p] / 16, data.target[p]) for p in (parts.train, parts.valid, parts.test))
    varied = variants.reshape(-1, variants.shape[2]) / 16, np.tile(learn[1], len(variants))
    plain = max((linear_model(x, asked, told) for x in (learn, varied)), key=lambda b: b.valid)
    return SeedResult(
        seed, fit.best_score, float(right.mean()), plain, support_vectors(varied, asked, told, seed), nearest_neighbours(varied, asked, told), fit, target, predicted, rates, weight, example,
        net.plan(gradient=True, steps=setup.steps, batch=setup.batch_size), time.perf_counter() - start,
    )  # fmt: skip
