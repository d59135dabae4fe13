"""Streams of samples and of batches: they train as tensors do, and resume at their place or are refused by name."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, TensorDataset

import ranvier as rv
from ranvier.errors import ShapeError, TrainingError
from ranvier.training.batches import open_batches
from ranvier.units import ms
from tests.training.conftest import make_net
from tests.training.job import make_task

Tensor = torch.Tensor
quiet = partial(rv.train, progress=False)
X, Y = make_task(24)


class Lines(IterableDataset):
    """The task, sample after sample; ``noise`` draws from torch's random numbers as each is read."""

    def __init__(self, noise: float = 0.0) -> None:
        self.noise, self.read = noise, 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for x, y in zip(X, Y, strict=True):
            self.read += 1
            yield (x + self.noise * torch.rand(()) if self.noise else x), y


class Empty(IterableDataset):
    """No sample."""

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class Blocked:
    """Batches that can be read again."""

    def __init__(self, noise: float = 0.0) -> None:
        self.noise = noise

    def __iter__(self) -> Iterator[Any]:
        for k in range(0, 24, 5):
            yield X[k : k + 5] + self.noise * torch.rand(()), Y[k : k + 5]


def blocks(epoch: int) -> Iterator[Any]:
    order = torch.randperm(24, generator=torch.Generator().manual_seed(epoch))
    for some in order.split(5):
        yield X[some], Y[some]


def unordered(samples: int) -> list[Any]:
    """The batches of tensors in their own order."""
    return [(x, y) for x, y, _ in open_batches((X, Y), samples, None, "data").epoch(1)]


@pytest.mark.parametrize("source", [Lines(), Blocked(), lambda epoch: Blocked(), DataLoader(Lines(), 5)])
def test_batches_are_those_of_tensors(source: Any) -> None:
    batches = open_batches(source, 5, 0, "data")
    for _ in range(2):
        for (x, y), (a, b, lengths) in zip(unordered(5), batches.epoch(1), strict=True):
            assert torch.equal(x, a)
            assert torch.equal(y, b)
            assert lengths is None
    assert torch.equal(batches.first()[0], unordered(5)[0][0])
    assert batches.count is None


def test_each_kind_trains_alike() -> None:
    """The order of the data being the same, so are all numbers."""
    sources = [Lines(), Blocked(), lambda epoch: Blocked(), DataLoader(TensorDataset(X, Y), 5), DataLoader(Lines(), 5)]
    fits = [quiet(make_net(), source, (X, Y), epochs=2, batch_size=5) for source in sources]
    seen = [[(e.train, e.valid) for e in fit.history] for fit in fits]
    assert all(one == seen[0] for one in seen)
    once = quiet(make_net(), iter(Blocked()), Blocked(), epochs=1)
    assert once.history[0].train == fits[0].history[0].train


@pytest.mark.parametrize("source", [Lines(), Blocked(), lambda epoch: Blocked(), DataLoader(Lines(), 5), (X, Y)])
def test_epochs_of_a_number_of_batches(source: Any) -> None:
    """They go on where the last one stopped, over the borders of passes."""
    batches = open_batches(source, 5, None, "data", 3)
    assert batches.count == 3
    batches.first()
    seen = [y for epoch in range(1, 6) for _, y, _ in batches.epoch(epoch)]
    expected = [y for _ in range(3) for _, y in unordered(5)]
    assert all(torch.equal(a, b) for a, b in zip(seen, expected, strict=True))


@pytest.mark.parametrize(
    "make",
    [
        partial(Lines, 0.5), partial(Blocked, 0.5), lambda: blocks, lambda: DataLoader(Lines(0.5), 5),
        lambda: (X, Y), lambda: DataLoader(TensorDataset(X, Y), 5, shuffle=True),
        lambda: DataLoader(TensorDataset(X, Y), 5, shuffle=True, generator=torch.Generator().manual_seed(3)),
        lambda: DataLoader(TensorDataset(X, Y), 5, sampler=RandomSampler(X, generator=torch.Generator().manual_seed(3))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("limit", [None, 3])
def test_resumed_after_every_epoch_equals_uninterrupted(make: Any, limit: int | None, tmp_path: Path) -> None:
    """To the last bit, also where data are drawn as they are read, beside a network that draws too."""

    def build(seed: int) -> rv.Sequential:
        torch.manual_seed(seed)
        parts = (rv.Linear(12, 20), rv.LIF(20), rv.Linear(20, 3), rv.LeakyReadout(3))
        return rv.Sequential(torch.nn.Dropout(0.1), *parts, dt=1 * ms)

    how: dict[str, Any] = {"batch_size": 5, "batches_per_epoch": limit}
    whole = build(0)
    expected = quiet(whole, make(), (X, Y), epochs=4, **how)
    for epochs in range(1, 5):
        part = build(epochs - 1)
        fit = quiet(part, make(), (X, Y), epochs=epochs, checkpoint=tmp_path, **how)
    assert [(e.train, e.valid) for e in fit.history] == [(e.train, e.valid) for e in expected.history]
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), part.parameters(), strict=True))


def test_an_order_that_follows_the_epoch() -> None:
    told: list[int] = []

    class Ordered(Lines):
        def set_epoch(self, epoch: int) -> None:
            told.append(epoch)

    quiet(make_net(), Ordered(), epochs=2)
    quiet(make_net(), DataLoader(Ordered(), 5), epochs=1)
    assert told == [1, 1, 2, 0, 1]  # each looks at its first batch before it begins


class TestRefused:
    def test_samples_that_are_no_pairs(self) -> None:
        with pytest.raises(
            TrainingError, match=r"train_set has a sample of type int: .* batches come from an iterator"
        ):
            quiet(make_net(), [1, 2, 3], epochs=1)

    def test_an_iterator_that_would_be_read_again(self, tmp_path: Path) -> None:
        with pytest.raises(
            TrainingError, match="train_set is an iterator, which can be read only once, so a training cannot resume"
        ):
            quiet(make_net(), iter(Blocked()), epochs=1, checkpoint=tmp_path)
        with pytest.raises(TrainingError, match="valid_set is an iterator, which can be read only once"):
            quiet(make_net(), (X, Y), iter(Blocked()), epochs=2)
        with pytest.raises(
            TrainingError, match=r"train_set gave no batch in epoch 2: .* an iterator is read only once"
        ):
            quiet(make_net(), iter(Blocked()), epochs=2)

    @pytest.mark.parametrize("source", [[], iter([]), lambda epoch: [], DataLoader(Empty(), 5)])
    def test_nothing(self, source: Any) -> None:
        with pytest.raises(TrainingError, match="train_set is empty: give at least one sample"):
            quiet(make_net(), source, epochs=1)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            (lambda epoch: 3, r"train_set\(1\) gave a int: give the batches"),
            (iter([torch.zeros(5, 3, 12)]), "train_set gave a Tensor as a batch"),
            ("data.csv", "train_set is a str: give"),
            (X, r"train_set is one Tensor: give a pair, \(x, y\)"),
            (X[:, :3], r"train_set is one Tensor"),  # samples of three steps look like (x, y, length)
            (X.numpy(), r"train_set is one ndarray"),
            ({"x": X}, r"train_set is one dict"),
        ],
    )
    def test_another_kind(self, source: Any, message: str) -> None:
        with pytest.raises(TrainingError, match=message):
            quiet(make_net(), source, epochs=1)

    def test_targets_of_another_number(self) -> None:
        with pytest.raises(ShapeError, match="a batch has 5 samples of x and 4 of y"):
            quiet(make_net(), iter([(X[:5], Y[:4])]), epochs=1)

    @pytest.mark.parametrize("limit", [0, 2.5, True])
    def test_a_limit(self, limit: Any) -> None:
        with pytest.raises(TrainingError, match=r"batches_per_epoch=.* must be a positive whole number"):
            quiet(make_net(), Blocked(), epochs=1, batches_per_epoch=limit)

    def test_another_stream_or_function(self, tmp_path: Path) -> None:
        quiet(make_net(), blocks, epochs=1, checkpoint=tmp_path)
        with pytest.raises(TrainingError, match=r"made with train_set\.code"):
            quiet(make_net(), lambda epoch: Blocked(), epochs=2, checkpoint=tmp_path)
        with pytest.raises(TrainingError, match="batches_per_epoch=None, now it is 2"):
            quiet(make_net(), blocks, epochs=2, batches_per_epoch=2, checkpoint=tmp_path)


def test_accumulation_over_a_stream_of_unknown_length() -> None:
    """What is left over at the end makes an update: 5 batches, 2 for each update, 3 updates."""
    rates = rv.training.TorchSchedule(partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5), every="update")
    fit = quiet(make_net(), Blocked(), epochs=2, accumulate=2, lr=0.1, schedule=rates)
    assert [e.learning_rate for e in fit.history] == pytest.approx([0.1 * 0.5**3, 0.1 * 0.5**6])


def test_a_list_of_batches_says_what_to_write_before_anything_is_learnt() -> None:
    """Entries of a list are samples, which are stacked."""
    net = rv.Sequential(rv.Linear(4, 5), rv.LIF(5), dt=1 * ms)
    batches = [(torch.rand(8, 6, 4), torch.randint(5, (8,))) for _ in range(3)]
    words = r"{0}_set: input .* shape \(8, 3, 6, 4\).*If the list holds batches .*: {0}_set=lambda epoch: batches"
    with pytest.raises(ShapeError, match=words.format("train")):
        quiet(net, batches, epochs=1)
    with pytest.raises(ShapeError, match=words.format("valid")):
        quiet(net, batches[0], batches, epochs=1)
    (read,) = quiet(net, lambda epoch: batches, lambda epoch: batches, epochs=1).history
    assert read.valid is not None
    samples = list(zip(*batches[0], strict=True))
    (read,) = quiet(net, samples, samples, epochs=1).history
    assert read.valid is not None


def test_a_stream_of_any_length_takes_the_memory_of_a_few_batches() -> None:
    """Batches that were learnt from are let go, whatever gives them."""
    alive: list[weakref.ref[Tensor]] = []

    def given(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for k in range(12):
            x = X[k : k + 2].clone()
            alive.append(weakref.ref(x))
            yield x, Y[k : k + 2]
            del x
            assert sum(one() is not None for one in alive) <= 3

    class Pass:
        def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
            return given(1)

    for source in (given, Pass(), given(1)):
        alive.clear()
        (read,) = quiet(make_net(), source, epochs=1).history
        assert len(alive) >= 12
        assert read.train.loss > 0
