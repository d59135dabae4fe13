"""What every transform says of itself is true: its gradients, files, factors and nodes, for modules of ours and of torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.connectivity.adapters import ADAPTERS, Opaque
from ranvier.connectivity.chain import Chain
from ranvier.connectivity.registry import transform_of
from ranvier.connectivity.transform import Transform
from ranvier.errors import ProviderError, RanvierWarning, TrainingError
from ranvier.kernels.step import NumpyStep
from ranvier.network import GraphError
from ranvier.units import ms

ROW, LINE, PLANE, VOLUME = (6,), (4, 7), (4, 5, 6), (2, 3, 4, 5)


def synapses() -> nn.Module:
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.input("x", 6)
    net.population("y", 5, rv.LeakyReadout(), output=True)
    net.connect("x", "y", rv.FixedProbability(0.6), to="x", weight=rv.Learn(rv.Uniform(-1, 1), min=-0.5, max=0.5))
    return net.projections["x_to_y_x"].chain[0]


#: what makes a transform, and the shape of a sample
MADE: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "Linear": (lambda: rv.Linear(6, 5, sign=[1, -1, 0, 1, -1, 1]), ROW),
    "Sparse": (synapses, ROW),
    "Conv1d": (lambda: rv.Conv1d(4, 6, 3, stride=2, groups=2, sign=1), LINE),
    "Conv2d": (lambda: rv.Conv2d(4, 6, 3, padding=1, groups=2), PLANE),
    "Conv2d, reflected": (lambda: rv.Conv2d(4, 3, 3, padding=1, padding_mode="reflect", sign=[1, -1, 0, 1]), PLANE),
    "Conv3d": (lambda: rv.Conv3d(2, 3, 2, dilation=(1, 2, 1), bias=False), VOLUME),
    "ConvTranspose2d": (lambda: rv.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1, groups=2, sign=[1, -1, 0, 1]), PLANE),
    "ThresholdBatchNorm": (lambda: rv.ThresholdBatchNorm(4, V_th=0.7), PLANE),
    "StepBatchNorm": (lambda: rv.StepBatchNorm(6), ROW),
    "torch.AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(3), LINE),
    "torch.AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((3, 2)), PLANE),
    "torch.AdaptiveAvgPool3d": (lambda: nn.AdaptiveAvgPool3d(2), VOLUME),
    "torch.AlphaDropout": (lambda: nn.AlphaDropout(0.3), ROW),
    "torch.AvgPool1d": (lambda: nn.AvgPool1d(2), LINE),
    "torch.AvgPool2d": (lambda: nn.AvgPool2d(2, padding=1), PLANE),
    "torch.AvgPool2d, odd": (lambda: nn.AvgPool2d(2, 3, padding=1, ceil_mode=True, count_include_pad=False), PLANE),
    "torch.AvgPool3d": (lambda: nn.AvgPool3d(2, 1), VOLUME),
    "torch.BatchNorm1d": (lambda: nn.BatchNorm1d(6), ROW),
    "torch.BatchNorm2d": (lambda: nn.BatchNorm2d(4, affine=False), PLANE),
    "torch.BatchNorm3d": (lambda: nn.BatchNorm3d(2), VOLUME),
    "torch.Conv1d": (lambda: nn.Conv1d(4, 3, 3), LINE),
    "torch.Conv2d": (lambda: nn.Conv2d(4, 6, (3, 2), stride=(1, 2), padding=(1, 0), dilation=(2, 1), groups=2), PLANE),
    "torch.Conv2d, same": (lambda: nn.Conv2d(4, 3, 3, padding="same"), PLANE),
    "torch.Conv3d": (lambda: nn.Conv3d(2, 3, 2), VOLUME),
    "torch.ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, groups=2), LINE),
    "torch.ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 2, stride=2, bias=False), PLANE),
    "torch.ConvTranspose3d": (lambda: nn.ConvTranspose3d(2, 4, 2, groups=2), VOLUME),
    "torch.Dropout": (lambda: nn.Dropout(0.3), ROW),
    "torch.Dropout1d": (lambda: nn.Dropout1d(0.3), LINE),
    "torch.Dropout2d": (lambda: nn.Dropout2d(0.3), PLANE),
    "torch.Dropout3d": (lambda: nn.Dropout3d(0.3), VOLUME),
    "torch.FeatureAlphaDropout": (lambda: nn.FeatureAlphaDropout(0.3), PLANE),
    "torch.Flatten": (lambda: nn.Flatten(), PLANE),
    "torch.Flatten, late axes": (lambda: nn.Flatten(2), PLANE),
    "torch.GroupNorm": (lambda: nn.GroupNorm(2, 4), PLANE),
    "torch.Identity": (lambda: nn.Identity(), ROW),
    "torch.InstanceNorm1d": (lambda: nn.InstanceNorm1d(4), LINE),
    "torch.InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, track_running_stats=True), PLANE),
    "torch.InstanceNorm3d": (lambda: nn.InstanceNorm3d(2), VOLUME),
    "torch.LayerNorm": (lambda: nn.LayerNorm(6), ROW),
    "torch.Linear": (lambda: nn.Linear(6, 5), ROW),
    "torch.MaxPool1d": (lambda: nn.MaxPool1d(2), LINE),
    "torch.MaxPool2d": (lambda: nn.MaxPool2d(2, 1, padding=1), PLANE),
    "torch.MaxPool3d": (lambda: nn.MaxPool3d(2), VOLUME),
    "torch.ReLU": (lambda: nn.ReLU(), ROW),
    "torch.Unflatten": (lambda: nn.Unflatten(1, (2, 3)), ROW),
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", MADE)
FOLDING = [n for n in MADE if "Conv" in n or n.endswith("Linear")]
CARRYING = [*FOLDING, "Sparse"]


def made(name: str) -> nn.Module:
    """In double precision, settled; weights beyond their bounds as after training, statistics as after some batches."""
    torch.manual_seed(0)
    module = MADE[name][0]().double().eval()
    with torch.no_grad():
        for q in module.parameters():
            q.add_(0.3 * torch.randn_like(q))
        for label, statistic in module.named_buffers():
            if label.startswith("running"):
                statistic.copy_(torch.linspace(0.4, 1.3, statistic.numel()).view_as(statistic))
    return module


def rows(name: str, count: int = 7) -> torch.Tensor:
    shape = MADE[name][1]
    return torch.randn(count, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def called(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return module(x.unsqueeze(0))[0] if transform_of(module).time_major else module(x)


def test_every_adapter_is_looked_at() -> None:
    seen = {type(made(name)) for name in MADE}
    assert set(ADAPTERS) <= seen
    assert {rv.Linear, rv.Conv1d, rv.Conv2d, rv.Conv3d, rv.ConvTranspose2d} <= seen


@pytest.mark.parametrize("name", [n for n in MADE if n != "StepBatchNorm"])  # which takes several steps at once
def test_the_way_back_is_the_gradient(name: str) -> None:
    module, x = made(name), rows(name).requires_grad_()
    out = module(x)
    grad = torch.randn_like(out)
    (wanted,) = torch.autograd.grad(out, x, grad)
    torch.testing.assert_close(transform_of(module).pullback(grad, x), wanted, rtol=1e-12, atol=1e-12)
    assert all(q.grad is None for q in module.parameters())


@EVERY
def test_what_is_called_linear_is(name: str) -> None:
    module = made(name)
    transform, x, y = transform_of(module), rows(name), rows(name).flip(0)
    assert transform.linear_in_weight == (name in CARRYING)
    if transform.linear_in_input:
        still = module(torch.zeros_like(x))
        torch.testing.assert_close(module(2 * x - 3 * y) - still, 2 * (module(x) - still) - 3 * (module(y) - still))
    if transform.rearranges:
        assert torch.equal(module(x).flatten(), x.flatten())
    if transform.fixed:
        module.train()
        assert not list(module.parameters())
        assert torch.equal(module(x)[2:4], module(x[2:4]))


@pytest.mark.parametrize("name", CARRYING)
def test_weights_learn_from_a_trace(name: str) -> None:
    module = made(name)
    transform, x = transform_of(module), rows(name)
    out = module(x)
    grad = torch.randn_like(out)
    learnt = [q for q in module.parameters() if q.requires_grad]
    wanted = dict(zip(learnt, torch.autograd.grad(out, learnt, grad), strict=True))
    found = dict(transform.weight_pullback(x, grad, 0.25))
    assert found.keys() == wanted.keys()
    for q, g in found.items():
        torch.testing.assert_close(g, wanted[q] * (0.25 if q is transform.constant else 1.0), rtol=1e-12, atol=1e-12)


@EVERY
def test_an_entry_moves_the_cell_that_it_belongs_to(name: str) -> None:
    module, x = made(name), rows(name)
    transform = transform_of(module)
    owned = [(q, cells) for q in module.parameters() if (cells := transform.cell_of(q)) is not None]
    assert bool(owned) == (name in ("Linear", "torch.Linear", "Sparse"))
    for q, cells in owned:
        own = partial(summed, module, name_of(module, q), x)
        jacobian = torch.autograd.functional.jacobian(own, q.detach()).flatten(1)
        assert torch.equal(jacobian.abs().argmax(0)[jacobian.any(0)], cells[jacobian.any(0)])
        assert int((jacobian != 0).sum(0).max()) == 1


def summed(module: nn.Module, name: str, x: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return torch.func.functional_call(module, {name: value}, (x,)).sum(0)


def name_of(module: nn.Module, parameter: nn.Parameter) -> str:
    return next(n for n, q in module.named_parameters() if q is parameter)


@EVERY
def test_a_file_makes_it_again(name: str, tmp_path: Path) -> None:
    module, x = made(name), rows(name, 3)[:, None]
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.input("x", MADE[name][1])
    net.population("out", tuple(called(module, x[0]).shape[1:]), rv.Relay(), output=True)
    net.connect("x", "out", module, to="x", name="joined")
    net.eval()
    wanted = net(x)[0]
    if type(module).__name__.startswith(("Instance", "Alpha", "FeatureAlpha")):
        with pytest.raises(rv.errors.FileFormatError, match=r"joined\.0 is a"):
            rv.save(net, tmp_path / "model")
        return
    rv.save(net, tmp_path / "model")
    again = rv.load(tmp_path / "model")
    assert torch.equal(again(x)[0], wanted)
    assert again.state_dict().keys() == net.state_dict().keys()
    assert type(again.projections["joined"].chain[0]) is type(module)


@EVERY
def test_its_nodes_compute_the_same(name: str) -> None:
    module, x = made(name), rows(name, 4)[:, None]
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.input("x", MADE[name][1])
    net.population("out", tuple(called(module, x[0]).shape[1:]), rv.Relay(), output=True)
    net.connect("x", "out", module, to="x", name="joined")
    net.eval()
    odd = type(module) in (nn.MaxPool1d, nn.MaxPool3d, nn.ReLU, nn.GroupNorm, nn.LayerNorm)
    if odd or (isinstance(module, nn.modules.instancenorm._InstanceNorm) and module.running_mean is None):
        with pytest.raises(ProviderError, match=f"joined: .*{type(module).__name__}"):
            rv.step_graph(net)
        return
    plain, wanted = NumpyStep(rv.step_graph(net)), net(x)[0]
    for row, out in zip(x[:, 0].numpy(), wanted[:, 0].detach().numpy(), strict=True):
        found = plain.step({"input_x": row})["output_out"]
        np.testing.assert_allclose(found.reshape(out.shape), out, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", FOLDING)
def test_a_norm_behind_it_is_folded(name: str) -> None:
    module, x = made(name), rows(name)
    channels = module(x).shape[1]
    norm = rv.ThresholdBatchNorm(channels, V_th=0.6).double().eval()
    norm.running_mean.copy_(torch.linspace(-0.3, 0.4, channels))
    norm.running_var.copy_(torch.linspace(0.5, 1.5, channels))
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 1.5, channels))
    wanted = norm(module(x))
    chain = Chain([module, norm])
    assert chain.folded([]) == ([module], {0})
    torch.testing.assert_close(module(x), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["Linear", "Conv1d", "Conv2d, reflected", "Conv3d", "torch.Conv1d", "torch.Linear"])
def test_a_norm_before_it_is_folded(name: str) -> None:
    """y = W (s x + t) + b is W' = W s, b' = W t + b, where no zeros around a sample escape the norm."""
    module, x = made(name), rows(name)
    channels = x.shape[1]
    norms = [moved(rv.ThresholdBatchNorm(channels, V_th=0.6)), moved(rv.ThresholdBatchNorm(channels))]
    behind = moved(rv.ThresholdBatchNorm(module(x).shape[1]))
    wanted = behind(module(norms[1](norms[0](x))))
    assert Chain([*norms, module, behind]).folded([]) == ([module], {0})
    torch.testing.assert_close(module(x), wanted, rtol=1e-12, atol=1e-12)


def moved(norm: nn.Module) -> nn.Module:
    """A settled norm with statistics of its own."""
    norm.double().eval()
    channels = len(norm.running_mean)
    norm.running_mean.copy_(torch.linspace(-0.3, 0.4, channels))
    norm.running_var.copy_(torch.linspace(0.5, 1.5, channels))
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(1.5, 0.5, channels))
        norm.bias.copy_(torch.linspace(-0.2, 0.3, channels))
    return norm


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(3), nn.BatchNorm2d(3), nn.BatchNorm3d(3), rv.StepBatchNorm(3)])
def test_a_norm_is_its_factors_and_shifts(norm: nn.Module) -> None:
    norm.double().eval()
    norm.running_mean.copy_(torch.linspace(-0.3, 0.4, 3))
    norm.running_var.copy_(torch.linspace(0.5, 1.5, 3))
    shape = {nn.BatchNorm2d: (3, 2, 2), nn.BatchNorm3d: (3, 2, 2, 2)}.get(type(norm), (3,))
    x = torch.randn(4, *shape, dtype=torch.float64)
    scale, shift = (q.reshape(-1, *(1 for _ in shape[1:])) for q in transform_of(norm).affine())
    torch.testing.assert_close(scale * x + shift, called(norm, x), rtol=1e-12, atol=1e-12)


def test_a_weight_computed_from_others_is_not_folded() -> None:
    made = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    net = rv.Sequential(made, rv.ThresholdBatchNorm(4), rv.LIF(4), dt=1 * ms)
    with pytest.raises(GraphError, match="ThresholdBatchNorm stands beside weights that are computed from others"):
        rv.fold_norms(net)


@pytest.mark.parametrize("tied", ["weight", "module"])
def test_a_weight_that_something_else_uses_is_not_folded(tied: str) -> None:
    first, second = rv.Linear(4, 4), rv.Linear(4, 4)
    if tied == "weight":
        second.weight = first.weight
    parts = (first, rv.LIF(4), second if tied == "weight" else first, rv.ThresholdBatchNorm(4), rv.LeakyReadout(4))
    net = rv.Sequential(*parts, dt=1 * ms)
    with pytest.raises(GraphError, match="ThresholdBatchNorm stands beside weights that are used twice"):
        rv.fold_norms(net)


def test_a_matrix_placed_twice_in_a_chain_is_never_folded() -> None:
    shared, own = rv.Linear(4, 4), rv.Linear(4, 4)
    norm = nn.BatchNorm1d(4)
    net = rv.Sequential(shared, norm, shared, own, nn.BatchNorm1d(4), rv.LIF(4), dt=1 * ms)
    with pytest.raises(GraphError, match="BatchNorm1d stands beside weights that are used twice"):
        rv.fold_norms(net)


def test_a_subclass_that_computes_something_else_is_opaque() -> None:
    class Squared(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) ** 2

    class Initialised(nn.Linear):
        pass

    assert isinstance(transform_of(Squared(3, 2)), Opaque)
    assert transform_of(Initialised(3, 2)).is_matrix
    net = rv.Sequential(Squared(3, 2), rv.LIF(2), rv.Linear(2, 2), rv.LeakyReadout(2), dt=1 * ms)
    assert list(net.projections) == ["linear1", "linear2"]
    criterion = rv.rules.PerStep(lambda out: out.square().mean(), True)
    with pytest.raises(TrainingError, match=r"OTTT needs what arrives to be linear.*'linear1' holds Squared"):
        rv.rules.OTTT().gradient(net, torch.ones(4, 2, 3), criterion)
    patched = nn.Linear(3, 2)
    patched.forward = lambda x: x[..., :2] ** 2
    assert isinstance(transform_of(patched), Opaque)


def test_what_is_inside_an_unknown_module_is_seen() -> None:
    inside = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3)), nn.Dropout())
    found = transform_of(inside)
    assert found.normalises and found.random and found.mixes()  # noqa: PT018
    inside.eval()
    assert found.normalises and not found.mixes()  # noqa: PT018
    assert not transform_of(nn.Sequential(nn.Linear(3, 3), nn.GELU())).normalises


def test_modules_of_torch_take_the_dtype_of_the_network() -> None:
    net = rv.Network(dt=1 * ms, dtype=torch.float64)
    net.input("x", 3)
    net.population("y", 2, rv.LeakyReadout(2), output=True)
    net.connect("x", "y", nn.Linear(3, 2), to="x")
    assert net(torch.ones(2, 1, 3))[0].dtype == torch.float64


def test_a_module_put_in_the_place_of_another_is_seen() -> None:
    chain = Chain([nn.Linear(3, 2)])
    assert chain.first.is_matrix
    chain[0] = nn.ReLU()
    assert not chain.first.is_matrix
    assert Chain().first.fixed


def test_a_delay_of_more_than_one_dimension_is_printed() -> None:
    """Step graphs of convolutions with a delay for each synapse, in each number of dimensions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RanvierWarning)
        for kind, space in ((rv.Conv1d, (6,)), (rv.Conv3d, (3, 4, 3)), (rv.ConvTranspose2d, (3, 2))):
            torch.manual_seed(0)
            net = rv.Network(dt=1 * ms, dtype=torch.float64)
            net.input("x", (2, *space))
            module = kind(2, 3, 2, delay=rv.Uniform(0 * ms, 3 * ms))
            size = tuple(module.double()(torch.zeros(1, 2, *space, dtype=torch.float64)).shape[1:])
            net.population("y", size, rv.LeakyReadout(), output=True)
            net.connect("x", "y", module, to="x")
            x = (torch.rand(6, 1, 2, *space) < 0.5).double()
            plain, wanted = NumpyStep(rv.step_graph(net)), net(x)[0]
            for row, out in zip(x[:, 0].numpy(), wanted[:, 0].detach().numpy(), strict=True):
                found = plain.step({"input_x": row})["output_y"]
                np.testing.assert_allclose(found.reshape(out.shape), out, rtol=1e-12, atol=1e-13)


class Gain(Transform, nn.Module):
    """A transform that nobody knows: each cell reaches its counterpart with a weight of its own."""

    delay = None
    linear_in_weight = linear_in_input = True

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 1.5, cells))

    def product(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        return x * weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.product(x, self.effective_weight())

    def cell_of(self, parameter: nn.Parameter) -> torch.Tensor:
        return torch.arange(len(parameter))


@pytest.mark.parametrize("provider", ["cpu", "reference"])
def test_a_new_transform_is_one_class(provider: str) -> None:
    """It runs, learns under rules that ask about weights, and is printed, as the same map written as a matrix."""
    x = (torch.rand(12, 2, 4, generator=torch.Generator().manual_seed(2)) < 0.5).double()
    last = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    nets = []
    for first in (Gain(4), rv.Linear(4, 4, bias=False)):
        with torch.no_grad():
            first.weight.copy_(
                torch.linspace(0.5, 1.5, 4).diag() if first.weight.ndim == 2 else torch.linspace(0.5, 1.5, 4)
            )
        out = rv.Linear(4, 3, bias=False)
        with torch.no_grad():
            out.weight.copy_(last)
        parts = (first, rv.LIF(4, tau=5 * ms), out, rv.LeakyReadout(3, tau=8 * ms))
        nets.append(rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64, provider=provider))
    ours, theirs = nets
    assert torch.equal(ours(x)[0], theirs(x)[0])
    criterion = rv.rules.PerStep(lambda out: out.square().mean(), True)
    for rule in (
        rv.rules.BPTT(),
        rv.rules.SLTT(),
        rv.rules.OTTT(),
        rv.rules.EProp(),
        rv.rules.SnAp1(),
        rv.rules.RTRL(),
    ):
        found = []
        for net in nets:
            net.zero_grad()
            rule.gradient(net, x, criterion)
            found.append(net.projections[next(iter(net.projections))].chain[0].weight.grad)
        torch.testing.assert_close(found[0], found[1].diagonal(), rtol=1e-10, atol=1e-13)
    graphs = [NumpyStep(rv.step_graph(net, shapes={"input": (4,)})) for net in nets]
    for row in x[:, 0].numpy():
        one, two = (next(iter(graph.step({"input_input": row}).values())) for graph in graphs)
        np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-14)
