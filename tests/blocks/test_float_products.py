"""The list of products that are no sums of weights at spikes: none in spike-driven blocks, and any that is planted is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import ShapeError
from ranvier.units import ms

Tensor = torch.Tensor
X = (torch.rand(4, 3, 8, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.4).float()
list_of = rv.blocks.float_products


def firing() -> rv.Cell:
    return rv.LIF(tau=2 * ms, V_th=0.3)


def cells(graded: int | None = None) -> Callable[[], rv.Cell]:
    """A maker of cells, of which number ``graded`` emits its membrane in place of spikes."""
    made: Iterator[int] = iter(range(100))
    return lambda: rv.LeakyReadout(tau=2 * ms) if next(made) == graded else firing()


BLOCKS = {
    "sew": lambda cell: [rv.blocks.sew(8, join="iand", cell=cell)],
    "ms": lambda cell: [rv.blocks.ms(8, cell=cell)],
    "vgg": lambda cell: rv.blocks.vgg(8, [8, "M", 8, 8], cell=cell, pool=nn.MaxPool2d),
    "stem": lambda cell: rv.blocks.spiking_stem(8, 16, halvings=1, cell=cell),
    "membrane": lambda cell: rv.blocks.spikformer(8, 2, shortcut="membrane", scale=1.0, cell=cell),
    "attention": lambda cell: rv.blocks.spikformer(8, 2, scale=1.0, steps=2, cell=cell)[:1],
}


def network(block: str, graded: int | None = None) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(*BLOCKS[block](cells(graded)), dt=1 * ms)


@pytest.mark.parametrize("block", BLOCKS)
def test_spike_driven_blocks_have_none(block: str) -> None:
    found = list_of(network(block), X)
    assert (found.floats, found.counts, found.scales, found.silent) == ((), (), (), ())


@pytest.mark.parametrize("block", BLOCKS)
def test_one_planted_in_a_copy_is_found(block: str) -> None:
    net = network(block, graded=int(block == "stem"))  # whose last cell is made first
    (first, *_) = list_of(net, X).floats
    graded = next(p for p in net.projections.values() if p.pre == "readout1")
    assert first.place.startswith(graded.name) or block == "stem"  # a relay stands between
    largest = net.eval().observe(X, record={"readout1": ["v"]})["readout1"]["v"].detach().abs().max()
    assert first.largest == pytest.approx(float(largest)) or block in (
        "vgg",
        "stem",
        "attention",
    )  # what is pooled or summed before


def test_counts_scales_and_silence_stand_apart() -> None:
    torch.manual_seed(0)
    net = rv.Sequential(
        *rv.blocks.spikformer(8, 2, cell=firing),
        nn.AvgPool2d(2),
        rv.Conv2d(8, 4, 1),
        rv.LIF(V_th=1e9),
        rv.Conv2d(4, 4, 1),
        rv.LIF(),
        dt=1 * ms,
    )
    found = list_of(net, X)
    assert found.floats == ()
    assert (found.scales[0].place, found.scales[0].operation, found.scales[0].largest) == ("attention1", "mul", 0.25)
    assert "weights or thresholds can take it over" in found.scales[0].remark
    assert {c.operation for c in found.counts} == {"convolution"}
    assert max(c.largest for c in found.counts) > 1
    assert "times 0.25" in next(c.remark for c in found.counts if c.place.endswith(".1"))
    assert len(found.silent) == 1
    text = str(found)
    assert text.startswith("floats: none\n\ncounts: ")
    assert "8 x 3 x 6 x 6" not in text  # shapes are those of rows
    assert "12 x 2 x 4 x 4 and a number" in text


class Handmade(nn.Module):
    """Spiking self-attention written by hand around layers, with the scale of its source between two products."""

    def __init__(self, softmax: bool = False) -> None:
        super().__init__()
        self.qkv, self.norm, self.fire = nn.Linear(8, 24), nn.BatchNorm1d(24), firing().layer(dt=1 * ms)
        self.out, self.again, self.softmax = nn.Linear(8, 8), firing().layer(dt=1 * ms), softmax

    def forward(self, x: Tensor) -> Tensor:
        steps, batch, tokens, _ = x.shape
        y = self.norm(self.qkv(x).flatten(0, 2)).view(steps, batch, tokens, 24)
        q, k, v = self.fire(y)[0].chunk(3, -1)
        attention = (q @ k.transpose(-1, -2)) * 0.125
        attention = attention.softmax(-1) if self.softmax else attention
        return self.out(self.again(attention @ v)[0])


def test_a_module_around_layers_is_followed_by_name() -> None:
    torch.manual_seed(0)
    x = (torch.rand(4, 3, 5, 8) < 0.5).float()
    found = list_of(Handmade(), x)
    assert [(p.place, p.operation) for p in found.floats] == [("norm", "native_batch_norm")]  # no weight holds it
    assert [(p.place, p.operation, p.largest) for p in found.scales] == [("Handmade", "mul", 0.125)]
    soft = list_of(Handmade(softmax=True), x)
    assert [p.operation for p in soft.floats] == ["native_batch_norm", "softmax"]
    outer = nn.Sequential(rv.Sequential(rv.Linear(8, 8), firing(), dt=1 * ms).output_only(), Handmade())
    assert [p.place for p in list_of(outer, 2 * torch.rand(4, 3, 5, 8)).floats] == ["0.linear1", "1.norm"]


@pytest.mark.parametrize(
    ("module", "operation"),
    [
        (nn.LayerNorm([8, 6, 6]), "native_layer_norm"), (nn.Softmax(1), "softmax"), (nn.GELU(), "gelu"), (nn.Bilinear(6, 6, 6), "_trilinear"),
    ],
)  # fmt: skip
def test_products_inside_opaque_modules_of_a_chain(module: nn.Module, operation: str) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x, x) if isinstance(self.inner, nn.Bilinear) else self.inner(x)

    net = rv.Sequential(rv.Conv2d(8, 8, 1), rv.LeakyReadout(tau=2 * ms), Own(), firing(), dt=1 * ms)
    found = list_of(net, X)
    assert [(p.place, p.operation) for p in found.floats] == [("own1", operation)]


def own(function: Callable[[Tensor], Tensor]) -> nn.Module:
    class Own(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return function(x)

    return Own()


@pytest.mark.parametrize(
    ("function", "group", "remark"),
    [
        (lambda x: x / 8, "scales", "a constant"), (lambda x: x / (1 + torch.arange(6.0)), "floats", ""),
        (lambda x: x / (1 + x.flip(-1)), "floats", "divided by data"), (lambda x: x * x, "floats", ""),
    ],
)  # fmt: skip
def test_quotients_and_squares(function: Callable[[Tensor], Tensor], group: str, remark: str) -> None:
    found = list_of(own(function), 0.1 + torch.rand(4, 3, 6, generator=torch.Generator().manual_seed(0)))
    only = [*found.floats, *found.counts, *found.scales]
    assert list(getattr(found, group)) == only
    assert len(only) == 1
    assert only[0].remark.startswith(remark)


@pytest.mark.parametrize(
    ("module", "operation"),
    [
        (nn.LSTM(6, 6), "rnn"), (nn.ELU(), "elu"), (nn.Softplus(), "softplus"), (nn.Hardswish(), "hardswish"), (own(torch.sin), "sin"),
        (own(torch.log), "log"), (own(lambda x: x.var(0)), "var"), (own(lambda x: torch.cdist(x, x)), "cdist"),
        (own(lambda x: x.lerp(x.flip(0), 0.3)), "lerp"), (own(lambda x: x.logsumexp(0)), "logsumexp"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)  # fmt: skip
def test_an_operation_that_is_not_known_to_add_is_listed(module: nn.Module, operation: str) -> None:
    found = list_of(module, 0.1 + torch.rand(4, 3, 6, generator=torch.Generator().manual_seed(0)))
    assert [p for p in found.floats if operation in p.operation]
    assert len(found.floats) == 1


def test_spikes_inside_a_recurrent_module_do_not_hide_its_products() -> None:
    assert list_of(nn.LSTM(6, 6), (torch.rand(4, 3, 6) < 0.5).float()).floats
    assert not list_of(nn.ELU(), (torch.rand(4, 3, 6) < 0.5).float()).floats


def test_sums_choices_and_moves_are_not_listed() -> None:
    def moved(x: Tensor) -> Tensor:
        x = torch.cat([x.flip(0), x.roll(1)], -1).repeat(1, 2, 1).permute(1, 0, 2).contiguous()
        x = nn.functional.max_pool1d(nn.functional.pad(torch.where(x > 0.5, x, 0), (2, 2)), 2).relu().clamp(max=2)
        first, second = x.cumsum(1).sort(1)[0].unsafe_chunk(2, -1)
        x = nn.functional.interpolate((first - second).topk(2)[0], scale_factor=2).double()
        return (
            x.masked_fill(x > 1, 0)
            + torch.zeros_like(x)
            + x.new_ones(1)
            - nn.functional.one_hot((x > 0).long()).sum(-1)
        )

    found = list_of(own(moved), torch.rand(4, 3, 6))
    assert (found.floats, found.counts, found.scales) == ((), (), ())
    (scale,) = list_of(own(lambda x: x.add(x.flip(0), alpha=0.3)), torch.rand(4, 3, 6)).scales
    assert (scale.operation, scale.largest) == ("add", 0.3)


def test_the_first_layer_on_images_and_single_synapses_count() -> None:
    net = rv.Network(dt=1 * ms)
    net.input("image", (8,))
    net.population("graded", 8, rv.LeakyReadout(tau=2 * ms))
    net.population("cells", 5, rv.LIF(), output=True)
    net.connect("image", "graded", rv.Linear(8, 8), same_step=True)
    net.connect("graded", "cells", rv.AllToAll(), weight=0.1)
    found = list_of(net, torch.rand(4, 2, 8))
    assert [p.operation for p in found.floats] == ["addmm", "Sparse"]


@pytest.mark.parametrize("join", ["and", "iand"])
def test_joins_of_currents_are_found(join: str) -> None:
    torch.manual_seed(0)
    spiking = rv.Residual(rv.Conv2d(8, 8, 1), firing(), join=join)
    currents = rv.Residual(rv.Conv2d(8, 8, 1), shortcut=[rv.Conv2d(8, 8, 1)], join=join)
    found = list_of(rv.Sequential(spiking, currents, firing(), dt=1 * ms), X)
    assert [(p.place, p.operation) for p in found.floats] == [("join2", "mul")]
    assert not found.counts


@pytest.mark.parametrize("name", ["meta_spikeformer_mini", "qkformer_mini", "ms_mini"])
def test_spike_driven_models_add_only(name: str) -> None:
    net = rv.models.create(name, tau=1.0)
    found = list_of(net, rv.models.example(name))
    image, *others = found.floats
    assert image.shapes[0][1:] == (1, 28, 28)  # pixels enter as currents
    assert [p.shapes[1][2:] for p in others] == (
        [(1, 1)] if name == "ms_mini" else []
    )  # its strided shortcut weighs currents
    assert {c.shapes[0][1] for c in found.counts} <= {
        net[len(net) - 1].in_features
    }  # the mean over places, before the read-out


def test_nothing_changes_in_the_network() -> None:
    net = network("sew")
    before = {n: t.clone() for n, t in net.state_dict().items()}
    list_of(net, X)
    assert net.training
    assert all(torch.equal(t, before[n]) for n, t in net.state_dict().items())
    assert not net._forward_hooks


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: list_of("net", X), "takes a module, got str"),
        (lambda: list_of(rv.LIF(), X), "takes a module, got Cell"),
        (lambda: list_of(network("sew"), X[:, :, :4]), "takes 8 channels"),
    ],
)
def test_mistakes_are_named(call: Callable[[], object], what: str) -> None:
    with pytest.raises(ShapeError, match=what):
        call()
