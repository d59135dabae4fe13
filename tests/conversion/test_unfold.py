"""Whole numbers of spikes and single spikes give the same outputs, layer by layer, and what does not unfold is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ConversionError, NumberError, RanvierError
from ranvier.units import ms

DOUBLE = torch.float64


def whole(**options: Any) -> Any:
    return rv.IntegerLIF(tau=0.8 * ms, **options)


def convolutional() -> rv.Sequential:
    """Convolutions with norms, maximum pooling, a membrane shortcut and a spike shortcut."""
    torch.manual_seed(3)
    shortcut = rv.Residual(whole(), rv.Conv2d(6, 6, 3, padding=1, bias=False), rv.ThresholdBatchNorm(6))
    net = rv.Sequential(
        rv.Conv2d(1, 6, 3, padding=1), rv.ThresholdBatchNorm(6), whole(), nn.MaxPool2d(2), shortcut, whole(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), rv.Linear(24, 10), rv.LeakyReadout(10), dt=1 * ms, dtype=DOUBLE,
    )  # fmt: skip
    net(4 * torch.rand(4, 30, 1, 8, 8, dtype=DOUBLE))  # running statistics
    return net.eval()


def masked() -> rv.Sequential:
    """A mask of 0 and 1 times whole numbers: the product of an attention, as a cell of the graph."""
    torch.manual_seed(4)
    mask = rv.Residual(rv.Linear(12, 12), whole(levels=1), join="and")
    return rv.Sequential(
        rv.Linear(6, 12), whole(), mask, rv.Linear(12, 5), whole(), rv.Linear(5, 4), dt=1 * ms, dtype=DOUBLE
    )


def recurrent() -> rv.Sequential:
    torch.manual_seed(5)
    return rv.Sequential(
        rv.Linear(6, 12), rv.Recurrent(whole(), rv.Linear(12, 12), delay=1 * ms), rv.Linear(12, 5), rv.LIF(), rv.Linear(5, 4), whole(),
        dt=1 * ms, dtype=DOUBLE,
    )  # fmt: skip


def images(count: int) -> torch.Tensor:
    return 4 * torch.rand(4, count, 1, 8, 8, dtype=DOUBLE)


def rows(count: int) -> torch.Tensor:
    return 6 * torch.randn(4, count, 6, dtype=DOUBLE)


def coded() -> rv.Sequential:
    """Codes of places, which arrive in every step, before and behind other maps."""
    torch.manual_seed(6)
    net = rv.Sequential(
        rv.Conv2d(1, 4, 3, stride=2), rv.PositionCode(4, 4, 4), whole(), rv.PositionCode(4, 3, 3), rv.Conv2d(4, 2, 1), rv.LeakyReadout(),
        dt=1 * ms, dtype=DOUBLE,
    )  # fmt: skip
    with torch.no_grad():
        for q in net.parameters():
            q.normal_()
    return net


NETWORKS = [(convolutional, images), (masked, rows), (recurrent, rows), (coded, images)]


@pytest.mark.parametrize(("make", "draw"), NETWORKS)
def test_a_thousand_inputs_give_equal_outputs(make: Callable[[], Any], draw: Callable[[int], torch.Tensor]) -> None:
    net = make()
    single = rv.conversion.unfold(net, draw(20))
    x = draw(1000)[:3]
    with torch.no_grad():
        wanted, found = net(x)[0], single(x)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-9)
    assert wanted.std() > 0.01
    assert torch.equal(found.argmax(-1), wanted.argmax(-1))


@pytest.mark.parametrize(("make", "draw"), NETWORKS)
def test_layer_by_layer(make: Callable[[], Any], draw: Callable[[int], torch.Tensor]) -> None:
    """Each population fires as many spikes in a block as its twin emits in a step, and nothing but 0 and 1."""
    net, x = make(), draw(7)
    single = rv.conversion.unfold(net, x)
    labels = {n: p.cell.emit for n, p in net.populations.items() if p.cell.fires}
    record = {n: ["spikes" if label == "spike" else str(label)] for n, label in labels.items()}
    wanted = net.observe(x, record=record)
    found = single.network.observe(single.spread(x), record={n: ["spikes"] for n in labels})
    most = 0.0
    for name, (label,) in record.items():
        spikes = found[name]["spikes"].unflatten(0, (-1, 4))
        assert set(spikes.unique().tolist()) <= {0, 1}
        counts = spikes.sum(1)
        first = next(k for k in range(len(counts)) if torch.equal(counts[k : k + 4], wanted[name][label]))
        assert not counts[:first].any()
        most = max(most, float(counts.detach().max()))
    assert most > 2


def test_float32_differs_only_where_a_sum_rounds_over_a_threshold() -> None:
    net = masked().float()
    x = rows(1000).float()
    single = rv.conversion.unfold(net, x[:, :20])
    with torch.no_grad():
        wanted, found = net(x)[0], single(x)
    far = ((found - wanted).abs() > 1e-5).any(-1)
    assert far.double().mean() < 1e-3


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_providers_steps_windows_and_files(batch: int, provider: str, tmp_path: Any) -> None:
    net = masked()
    x = rows(batch)
    single = rv.conversion.unfold(net, x)
    assert single.network.dt == 0.25
    assert not single.network.training
    rv.save(single.network, tmp_path / "single")
    again = rv.load(tmp_path / "single")
    again.provider = provider
    wanted, given = net(x)[0], single.spread(x)
    torch.testing.assert_close(single.gather(again(given)[0]), wanted)
    out, state = again(given[:7])  # a cut inside a block
    rest = []
    for now in given[7:]:
        part, state = again(now[None], state)
        rest.append(part)
    torch.testing.assert_close(single.gather(torch.cat([out, *rest])), wanted)


@pytest.mark.parametrize("levels", [3, 8])
def test_other_levels_and_learnt_values(levels: int) -> None:
    """More steps than a cell emits are silent ones; time constants are those that were learnt."""
    torch.manual_seed(levels)
    cell = rv.IntegerLIF(9, levels=3, tau=rv.Learn(1 * ms, each=True))
    net = rv.Sequential(rv.Linear(6, 9), cell, rv.Linear(9, 4), rv.IntegerLIF(4, levels=3), dt=1 * ms, dtype=DOUBLE)
    with torch.no_grad():
        dict(net.named_parameters())["integer1.tau"].mul_(torch.rand(9, dtype=DOUBLE) + 0.5)
    x = rows(30)
    single = rv.conversion.unfold(net, x, levels=levels)
    assert single.difference == 0
    assert torch.equal(single(x), net(x)[0])


def test_attention_by_a_product_takes_binary_cells_only() -> None:
    """A matrix product of spikes of one step unfolds behind cells of 0 and 1, and is refused behind whole numbers."""

    class Product(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q, k, v = x.chunk(3, -1)
            return q @ (k.transpose(-1, -2) @ v)

    def net(cell: Any) -> rv.Sequential:
        torch.manual_seed(1)
        return rv.Sequential(
            rv.Linear(6, 12), cell, Product(), whole(), rv.Linear(4, 3), rv.LeakyReadout(), dt=1 * ms, dtype=DOUBLE
        )

    x = 3 * torch.randn(4, 5, 7, 6, dtype=DOUBLE)
    assert rv.conversion.unfold(net(rv.LIF((7, 12))), x).difference < 1e-12
    with pytest.raises(ConversionError, match="Product is not linear in what enters it"):
        rv.conversion.unfold(net(whole()), x)


def test_attention_over_several_steps_is_refused() -> None:
    net = rv.Sequential(rv.Conv1d(6, 12, 1), rv.LIF(), rv.Attention(4, steps=2), whole(), dt=1 * ms)
    with pytest.raises(ConversionError, match="Attention maps several steps together, but each step becomes several"):
        rv.conversion.unfold(net, torch.rand(4, 2, 6, 5))


def test_what_a_map_makes_of_nothing_is_asked_of_inputs_without_a_shape() -> None:
    net = rv.Sequential(rv.Conv1d(6, 8, 1), nn.GroupNorm(2, 8), whole(), rv.Conv1d(8, 3, 1), dt=1 * ms)
    with pytest.raises(ConversionError, match=r"GroupNorm is not linear, and gives [\d.]+ where nothing arrives"):
        rv.conversion.unfold(net, torch.rand(4, 2, 6, 5))


def plain(*parts: Any) -> rv.Sequential:
    return rv.Sequential(rv.Linear(6, 6), *parts, rv.LeakyReadout(6), dt=1 * ms, dtype=DOUBLE)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Linear(6, 6), "unfold takes a network, got Linear"),
        (lambda: plain(rv.LeakyReadout(6), rv.Linear(6, 6)), "which is not a whole number of 0 to levels=4 spikes"),
        (lambda: plain(whole(levels=6), rv.Linear(6, 6)), r"emits [56], which is not a whole number of 0 to levels=4 spikes: give levels=\d"),
        (lambda: plain(whole(), nn.ReLU()), "ReLU is not linear in what enters it"),
        (lambda: plain(rv.LIF(6), nn.Sigmoid()), "gives 0.5 where nothing arrives"),
        (lambda: plain(whole(), rv.Linear(6, 6), nn.MaxPool1d(1)), "MaxPool1d is not linear in what enters it"),
        (lambda: plain(whole(), rv.Linear(6, 6, delay=1 * ms)), "is plastic or has delays of its own"),
        (lambda: plain(rv.Cell("dv/dt = (x - v)/(5*ms) : 1\nx : 1 (input)", threshold="v > 1", reset="v = 0", size=6)), "dv/dt is a differential equation"),
        (lambda: plain(rv.ALIF(6, before_firing="v += 0.1"), rv.Linear(6, 6)), "statements before firing"),
        (lambda: plain(rv.Cell("v' = 0.5*v + x + 0*t/ms : 1\nx : 1 (input)", threshold="v > 1", size=6)), "reads the time t"),
        (lambda: plain(rv.RelativeThreshold(rv.LIF(6)), rv.Linear(6, 6)), "emits sent and has a reset"),
    ],
)  # fmt: skip
def test_what_does_not_unfold_says_why(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(RanvierError, match=words):
        rv.conversion.unfold(make(), rows(5))


def test_wrong_arguments() -> None:
    net = plain(whole(), rv.Linear(6, 6))
    with pytest.raises(NumberError, match="levels=0 must be a positive whole number"):
        rv.conversion.unfold(net, rows(5), levels=0)
    with pytest.raises(ConversionError, match="x is a list: give inputs"):
        rv.conversion.unfold(net, [1.0])  # pyright: ignore[reportArgumentType]
    with pytest.raises(RanvierError, match="6"):
        rv.conversion.unfold(net, torch.rand(4, 5, 7, dtype=DOUBLE))
    cycle = rv.Network(dt=1 * ms)
    cycle.input("input", 3)
    for name in ("a", "b"):
        cycle.population(name, 3, whole(), output=name == "b")
    cycle.connect("input", "a", rv.Linear(3, 3), same_step=True)
    cycle.connect("a", "b", rv.Linear(3, 3), same_step=True)
    cycle.connect("b", "a", rv.Linear(3, 3))
    with pytest.raises(ConversionError, match="a cycle has too little latency"):
        rv.conversion.unfold(cycle, torch.rand(4, 5, 3))
