"""Steps by channel: saliency, allocation, and networks that merge steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ConversionError
from ranvier.units import ms

Tensor = torch.Tensor
DOUBLE = torch.float64


def model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 10), nn.ReLU(), nn.Linear(10, 3)).double()


def images_model() -> nn.Module:
    torch.manual_seed(1)
    parts = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(64, 3)
    return nn.Sequential(*parts).double().eval()


X = torch.rand(200, 6, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
IMAGES = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
MADE = rv.convert(model(), X)


def test_saliency_is_the_squared_slope() -> None:
    """Of the second layer all of it is known: y = W*a, so that the sum over outputs of W[j, c]**2 is expected."""
    net = model()
    many = X.repeat(100, 1)
    found = rv.conversion.channel_saliency(MADE, many)
    assert [s.shape for s in found.values()] == [(12,), (10,)]
    last = list(found.values())[1]
    torch.testing.assert_close(last, (net[4].weight ** 2).sum(0).detach(), rtol=0.1, atol=0)  # pyright: ignore
    again = rv.conversion.channel_saliency(MADE, many, seed=0)
    assert all(torch.equal(again[n], found[n]) for n in found)


def test_the_most_salient_get_more() -> None:
    s = {"a": torch.tensor([0.1, 3.0, 0.2, 2.0]), "b": torch.tensor([1.0])}
    found = rv.conversion.salient_levels(s, few=2, many=8, share=0.5)
    assert found["a"].tolist() == [2, 8, 2, 8]
    assert rv.conversion.salient_levels(s, few=2, many=8, share=0.0)["a"].tolist() == [2] * 4
    assert rv.conversion.salient_levels(s, few=2, many=8, share=1)["b"].tolist() == [8]


@pytest.mark.parametrize("levels", [1, 4])
@pytest.mark.parametrize("batch", [1, 7])
def test_the_first_layer_does_what_plain_cells_do(levels: int, batch: int) -> None:
    """Rates of the first layer, whose input is constant, are the same as after so many steps of the converted network."""
    name = next(row.population for row in MADE.rows if row.population)
    assert name is not None
    merged = rv.conversion.merged_steps(MADE, X[:2], levels)
    one = merged.observe(X[:batch].unsqueeze(0), record={name: ["sent"]})[name]["sent"][0]
    many = MADE.net.observe(X[:batch].expand(levels, -1, -1), record={name: ["spikes"]})[name]["spikes"].sum(0)
    assert torch.equal(one, many)


@pytest.mark.parametrize(("net", "x"), [(model(), X), (images_model(), IMAGES)])
def test_with_many_levels_it_is_the_original(net: nn.Module, x: Tensor) -> None:
    made = rv.convert(net, x, threshold="max")
    merged = rv.conversion.merged_steps(made, x[:2], 2000)
    torch.testing.assert_close(merged(x.unsqueeze(0))[0][0], net(x).detach(), atol=5e-3, rtol=0)
    few = rv.conversion.merged_steps(made, x[:2], 2)
    slow, fast = (few(x.expand(n, *x.shape))[0].mean(0) for n in (64, 1))
    errors = [float((y - net(x)).abs().mean()) for y in (slow, fast)]
    assert errors[0] < errors[1] / 4


def test_each_channel_has_its_levels() -> None:
    made = rv.convert(images_model(), IMAGES, threshold="max")
    (name,) = rv.conversion.channel_saliency(made, IMAGES)
    merged = rv.conversion.merged_steps(made, IMAGES[:1], {name: torch.tensor([1, 2, 3, 9])})
    sent = merged.observe(100 * IMAGES.unsqueeze(0), record={name: ["sent"]})[name]["sent"]
    assert sent.amax((0, 1, 3, 4)).tolist() == [1, 2, 3, 9]
    assert merged(IMAGES[:3].unsqueeze(0))[0].shape == (1, 3, 3)


def test_sums_of_branches_are_kept() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.act, self.end = nn.Linear(6, 6), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = self.act(self.first(x))
            return self.end(h + torch.relu(self.second(h)))

    torch.manual_seed(0)
    net = Branches().double()
    merged = rv.conversion.merged_steps(rv.convert(net, X, threshold="max"), X[:2], 4000)
    torch.testing.assert_close(merged(X.unsqueeze(0))[0][0], net(X).detach(), atol=5e-3, rtol=0)


def levels(**changed: object) -> dict[str, Tensor]:
    a, b = rv.conversion.channel_saliency(MADE, X)
    return {a: torch.full((12,), 2), b: torch.full((10,), 2), **changed}  # type: ignore[dict-item]


NAME = next(iter(rv.conversion.channel_saliency(MADE, X[:5])))
MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: rv.conversion.salient_levels({}, few=0, many=2, share=0.5), "few=0"),
    (lambda: rv.conversion.salient_levels({}, few=3, many=2, share=0.5), "few not above many"),
    (lambda: rv.conversion.salient_levels({}, few=1, many=2, share=1.5), "share=1.5"),
    (lambda: rv.conversion.salient_levels({}, few=1, many=2.5, share=0.5), "many=2.5"),  # type: ignore[arg-type]
    (lambda: rv.conversion.salient_levels({"a": torch.tensor([float("nan")])}, few=1, many=2, share=0.5), "saliency of a must be finite"),
    (lambda: rv.conversion.channel_saliency(model(), X), "got Sequential: give what rv.convert returned"),  # type: ignore[arg-type]
    (lambda: rv.conversion.merged_steps(model(), X[:2], 2), "got Sequential: give what rv.convert returned"),  # type: ignore[arg-type]
    (lambda: rv.conversion.merged_steps(MADE, X[:2], 0), "levels of .* are 0"),
    (lambda: rv.conversion.merged_steps(MADE, X[:2], 1.5), "are 1.5"),  # type: ignore[arg-type]
    (lambda: rv.conversion.merged_steps(MADE, X[:2], {}), "give those of"),
    (lambda: rv.conversion.merged_steps(MADE, X[:2], levels(more=torch.ones(1))), "give those of"),
    (lambda: rv.conversion.merged_steps(MADE, X[:2], levels(**{NAME: torch.full((11,), 2)})), "each of 12 channels"),
    (lambda: rv.conversion.merged_steps(MADE, X[:2], levels(**{NAME: torch.zeros(12).long()})), "positive whole number"),
    (lambda: rv.conversion.merged_steps(MADE, X[:2], levels(**{NAME: torch.ones(12)})), "positive whole number"),
    (lambda: rv.conversion.merged_steps(rv.convert(model(), X, cell=rv.LIF(tau=5 * ms)), X[:2], 2), "convert without cell="),
    (lambda: rv.conversion.channel_saliency(MADE, X[:0]), "no sample"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), MISTAKES)
def test_mistakes_are_named(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ConversionError, match=words):
        make()
