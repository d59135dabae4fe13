"""The sets of the table: their data, their networks, and how these are trained and scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import nn

from benchmarks.families import _data as data
from benchmarks.families import _networks as networks
from benchmarks.families._data import Amount
from benchmarks.families._networks import Entry
from ranvier.recipes.parts import characters
from ranvier.recipes.parts.sequences import Parts, fitted
from ranvier.recipes.parts.tested import accuracy

__all__ = ["RATES", "SETS", "Set", "Trained", "quick", "shorter"]

#: learning rates that every network may choose from
RATES = (3e-3, 1e-2)


@dataclass(frozen=True)
class Trained:
    """What a training came to: the score on what chooses, and on what is reported."""

    valid: float
    test: float


@dataclass(frozen=True)
class Set:
    """A set of data and its networks of about ``parameters`` numbers to learn."""

    name: str
    title: str
    about: str
    measure: str
    parameters: int
    amount: Amount
    entries: Callable[[], Sequence[Entry]]
    train: Callable[[Entry, nn.Module, Amount, int, float], Trained]

    @property
    def sign(self) -> int:
        """1 where more is better."""
        return -1 if self.measure == "bits" else 1


def _classified(parts: Callable[[Entry, Amount, int], Parts], batch_size: int, shift: int, entry: Entry, net: nn.Module, amount: Amount,
                seed: int, lr: float) -> Trained:  # fmt: skip
    found = parts(entry, amount, seed)
    net = fitted(net, found, seed=seed, epochs=amount.epochs, lr=lr, batch_size=batch_size, shift=shift)
    return Trained(accuracy(net, *found[1]), accuracy(net, *found[2]))


def _read(entry: Entry, net: nn.Module, amount: Amount, seed: int, lr: float) -> Trained:
    """Here ``learn`` counts batches of 32 windows of 64 characters in a pass, ``valid`` and ``test`` characters."""
    text = characters.text()
    size = len(text.alphabet)
    net = characters.fitted(net, text.train, size, batches=amount.epochs * amount.learn, lr=lr, seed=seed)
    valid, test = (
        characters.bits(net, part[:n], size, steps=64)
        for part, n in ((text.valid, amount.valid), (text.test, amount.test))
    )
    return Trained(valid, test)


def _frames(entry: Entry, amount: Amount, seed: int) -> Parts:
    return data.points(amount, seed) if entry.points else data.events(amount, seed)


def _images(name: str, entry: Entry, amount: Amount, seed: int) -> Parts:
    return data.images(name, 1 if entry.name == networks.ORDINARY else 2, amount, seed)


def _commands(entry: Entry, amount: Amount, seed: int) -> Parts:
    return data.commands(amount)


def _letters() -> Sequence[Entry]:
    return networks.characters(len(characters.text().alphabet))


_PICTURES = Amount(1_000, 500, 2_000, 12)
SETS: dict[str, Set] = {
    s.name: s
    for s in (
        Set("mnist", "Handwritten digits", "the 10,000 test images of MNIST alone, 14 x 14, split 60/20/20; each seed draws 1,000 to learn from; two steps; no augmentation",
            "accuracy", 15_000, _PICTURES, lambda: networks.IMAGES, partial(_classified, partial(_images, "mnist_t10k"), 32, 0)),
        Set("fashion", "Clothes", "Fashion-MNIST, 14 x 14; each seed draws 1,000 training images to learn from, 500 others choose, the first 2,000 test images report; two steps; no augmentation",
            "accuracy", 15_000, _PICTURES, lambda: networks.IMAGES, partial(_classified, partial(_images, "fashion_mnist"), 32, 0)),
        Set("events", "Digits before an event camera", "639 recordings of N-MNIST, of which each seed draws 480 to learn from and 159 to choose by; 211 others report; six steps of 50 ms, 16 x 16 pixels, or 128 events as points; no augmentation",
            "accuracy", 15_000, Amount(480, 159, 211, 15), lambda: networks.EVENTS, partial(_classified, _frames, 32, 0)),
        Set("speech", "Spoken commands", "1,000 commands of ten words, split by speaker (612, 187, 201); 48 steps of 20 ms; training batches are moved in time by up to 100 ms",
            "accuracy", 20_000, Amount(612, 187, 201, 15), lambda: networks.SPEECH, partial(_classified, _commands, 32, 5)),
        Set("characters", "Characters", "the reference topics that ship with Python, split 80/10/10 by documents that share no line; batches of 32 windows of 64 characters",
            "bits", 24_000, Amount(20, 16_000, 32_000, 15), _letters, _read),
    )
}  # fmt: skip


def quick(one: Set) -> Set:
    """The same set with next to no training."""
    few = Amount(64, 64, 64, 1) if one.measure == "accuracy" else Amount(2, 4_000, 4_000, 1)
    return replace(one, amount=few)


def shorter(one: Set) -> Set:
    """The same set with a third of the passes, to choose the rate by."""
    return replace(one, amount=replace(one.amount, epochs=max(1, one.amount.epochs // 3)))
