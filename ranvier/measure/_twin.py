"""The quantised ordinary network beside a spiking one: as many levels as steps, and as accurate, or said not to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from ranvier.conversion import quantize_activations
from ranvier.errors import ShapeError
from ranvier.measure._energy import DEFAULT_MODELS, Energy, bits_of, energy
from ranvier.measure._energy_model import EnergyModel
from ranvier.measure._operations import operations
from ranvier.measure._report import Operations
from ranvier.network.evaluating import evaluating
from ranvier.values import is_whole

__all__ = ["Twin", "twin"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Twin:
    """An ordinary network with activations of ``bits`` bits, its counts and accuracy, and those of the spiking network.

    Attributes
    ----------
    net
        The ordinary network.
    counts, spiking
        Operations of the twin and of the spiking network on the same test samples.
    accuracy, spiking_accuracy
        Shares of test samples that each decides rightly.
    margin
        How far apart the two may be and still be called equal.
    """

    net: nn.Module
    bits: int
    counts: Operations
    spiking: Operations
    accuracy: float
    spiking_accuracy: float
    margin: float

    @property
    def equal(self) -> bool:
        """Whether the accuracies differ by no more than ``margin``."""
        return abs(self.accuracy - self.spiking_accuracy) <= self.margin

    def energy(self, models: Sequence[str | EnergyModel] = DEFAULT_MODELS) -> Energy:
        """What both cost, as :func:`energy` says it; the assumptions hold both accuracies."""
        found = energy(self.spiking, models, twin=self.counts)
        return replace(found, assumptions=(str(self), *found.assumptions[1:]))

    def __str__(self) -> str:
        apart = self.accuracy - self.spiking_accuracy
        if self.equal:
            told = f"equally accurate within {self.margin:.1%}"
        else:
            told = f"NOT equally accurate: {abs(apart):.1%} {'better' if apart > 0 else 'worse'}"
        return f"the twin of {self.bits} bits decides {self.accuracy:.1%} rightly, the spiking network {self.spiking_accuracy:.1%}: {told}"


def twin(
    net: nn.Module, model: nn.Module, test: tuple[Tensor, Tensor], *, train: tuple[Tensor, Tensor] | None = None,
    epochs: int = 50, lr: float = 1e-2, margin: float = 0.01, decode: Callable[[Tensor], Tensor] | None = None,
) -> Twin:  # fmt: skip
    """Compare a spiking network of T steps with an ordinary one whose activations have b = ⌈log2(T + 1)⌉ bits.

    The ordinary network reads the mean over steps of what the spiking one reads. With ``train`` a copy of ``model`` gets activations of
    2**b - 1 levels above 0 (:class:`rv.conversion.QCFS`) in the place of ``nn.ReLU``, and learns by Adam on batches of 64 and cross-entropy. Without, ``model``
    is taken as it is. Choose its size and settings on samples other than ``test``.

    Parameters
    ----------
    net
        The spiking network.
    model
        Maps [samples, …] to [samples, classes].
    test, train
        x [samples, T, …] and labels [samples].
    epochs, lr
        Of the training.
    margin
        How far apart the accuracies may be and still be called equal.
    decode
        Scores [samples, classes] from the output [T, samples, …] of ``net``; by default its mean over steps.

    Raises
    ------
    ShapeError
        For samples and labels that do not fit, another margin, epochs or rate of learning, and outputs that are no scores of classes.

    Source: Yan et al., arXiv 2409.08290 v4, 2026.

    >>> net = rv.Sequential(rv.Linear(6, 8), rv.LIF(8), rv.Linear(8, 2), rv.LeakyReadout(2), dt=1*ms)
    >>> model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    >>> data = (torch.rand(10, 5, 6).round(), torch.arange(10) % 2)
    >>> rv.measure.twin(net, model, data, train=data, epochs=1).bits
    3
    """
    for name, module in (("net", net), ("model", model)):
        if not isinstance(module, nn.Module):
            raise ShapeError(f"twin: {name} is {type(module).__name__}: give a module.")
    if not 0 <= margin < 1:
        raise ShapeError(f"twin: margin={margin!r} is a difference of accuracies: choose 0 <= margin < 1.")
    if not is_whole(epochs) or not lr > 0:
        raise ShapeError(f"twin: epochs={epochs!r} must be 1 or more, and lr={lr!r} above 0.")
    x, labels = _checked("test", test)
    bits = bits_of(x.shape[1])
    if train is not None:
        model = quantize_activations(model, levels=2**bits - 1)
        _learn(model, *_checked("train", train), epochs, lr)
    means, steps = x.mean(1), x.transpose(0, 1)
    with evaluating(net), evaluating(model), torch.no_grad():
        out = net(steps)
        out = out[0] if isinstance(out, tuple) else out
        found = (
            _accuracy("net", out.mean(0) if decode is None else decode(out), labels),
            _accuracy("model", model(means), labels),
        )
    return Twin(model, bits, operations(model, means), operations(net, steps), found[1], found[0], margin)


def _checked(name: str, data: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    if not isinstance(data, tuple) or len(data) != 2 or not all(isinstance(t, Tensor) for t in data):
        raise ShapeError(f"twin: {name} must be a pair of tensors, x [samples, T, …] and labels [samples].")
    x, labels = data
    if x.ndim < 3 or labels.shape != x.shape[:1] or not len(labels):
        raise ShapeError(
            f"twin: {name} has x of shape {tuple(x.shape)} and labels of shape {tuple(labels.shape)}: give [samples, T, …] and [samples]."
        )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise ShapeError(f"twin: labels of {name} are {labels.dtype}: give classes as whole numbers.")
    return x, labels


def _accuracy(name: str, scores: Tensor, labels: Tensor) -> float:
    if (
        scores.ndim != 2
        or len(scores) != len(labels)
        or not 0 <= int(labels.min()) <= int(labels.max()) < scores.shape[1]
    ):
        raise ShapeError(
            f"twin: {name} gives scores of shape {tuple(scores.shape)} for {len(labels)} labels up to {int(labels.max())}: "
            "it must be [samples, classes]; decode= turns outputs of a network into such."
        )
    return float((scores.argmax(1) == labels).double().mean())


def _learn(model: nn.Module, x: Tensor, labels: Tensor, epochs: int, lr: float) -> None:
    means, optimizer = x.mean(1), torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(means[chosen]), labels[chosen].long()).backward()
            optimizer.step()
