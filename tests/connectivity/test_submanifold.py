"""Submanifold convolutions equal dense ones at active sites, and are 0 at all others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.functional import conv2d, conv3d

import ranvier as rv
from ranvier.errors import ProviderError, ShapeError
from ranvier.units import ms

KINDS = [(rv.SubmanifoldConv2d, conv2d, (9, 8)), (rv.SubmanifoldConv3d, conv3d, (5, 6, 4))]


def sites(rows: int, channels: int, space: tuple[int, ...], share: float, dtype: torch.dtype) -> torch.Tensor:
    """Numbers at a ``share`` of all sites, of which some channels are 0."""
    generator = torch.Generator().manual_seed(5)
    drawn = torch.rand(rows, 1, *space, generator=generator) < share
    x = torch.randn(rows, channels, *space, dtype=dtype, generator=generator)
    return x * drawn * (torch.rand(x.shape, generator=generator) < 0.7)


@pytest.mark.parametrize(("kind", "dense", "space"), KINDS)
@pytest.mark.parametrize("share", [0.0, 0.03, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", [1, 7])
def test_it_equals_a_dense_convolution_with_a_mask(kind, dense, space, share: float, bias: bool, rows: int) -> None:
    torch.manual_seed(0)
    conv = kind(3, 4, 3, bias=bias).double()
    x = sites(rows, 3, space, share, torch.float64).requires_grad_()
    active = (x.detach() != 0).any(1, keepdim=True)
    out = conv(x)
    expected = dense(x, conv.weight, conv.bias, padding=1) * active
    torch.testing.assert_close(out, expected, atol=1e-12, rtol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(conv(x), expected, atol=1e-12, rtol=1e-12)
    upstream = torch.randn_like(out)
    learnt = [x, *conv.parameters()]
    ours, theirs = (torch.autograd.grad(y, learnt, upstream, allow_unused=True) for y in (out, expected))
    torch.testing.assert_close(ours[0], theirs[0] * active, atol=1e-12, rtol=1e-12)
    for one, other in zip(ours[1:], theirs[1:], strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize(("kind", "dense", "space"), KINDS)
@pytest.mark.parametrize("share", [0.05, 0.8])
def test_gradients_equal_finite_differences(kind, dense, space, share: float) -> None:
    torch.manual_seed(0)
    conv = kind(2, 2, bias=True).double()
    x = sites(2, 2, space, share, torch.float64)
    places = x.nonzero(as_tuple=True)

    def at(values: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        own = {"weight": weight, "bias": bias}
        return torch.func.functional_call(conv, own, (torch.zeros_like(x).index_put(places, values),))

    given = x[places].requires_grad_(), conv.weight, conv.bias
    assert torch.autograd.gradcheck(at, given)


@pytest.mark.parametrize(("kind", "dense", "space"), KINDS)
@pytest.mark.parametrize("size", [1, 5])
def test_other_kernels(kind, dense, space, size: int) -> None:
    conv, x = kind(2, 3, size), sites(3, 2, space, 0.1, torch.float32)
    expected = dense(x, conv.weight, padding=size // 2) * (x != 0).any(1, keepdim=True)
    torch.testing.assert_close(conv(x), expected)


def test_activity_does_not_spread_through_a_network() -> None:
    torch.manual_seed(1)
    net = rv.Sequential(
        rv.SubmanifoldConv2d(2, 8, bias=True), rv.LIF(V_th=0.1), rv.SubmanifoldConv2d(8, 8), rv.LIF(V_th=0.1), dt=1 * ms
    )
    x = (sites(4, 2, (12, 12), 0.1, torch.float32) != 0).float().expand(6, 4, 2, 12, 12)
    out = net(x)[0]
    assert out.any()
    assert not out.any(2)[~(x != 0).any(2)].any()


def test_steps_sequence_reference_and_file_agree(tmp_path: Path) -> None:
    def made(provider: str | None = None) -> rv.Sequential:
        torch.manual_seed(2)
        parts = rv.SubmanifoldConv3d(1, 4, bias=True), rv.LIF(V_th=0.02), rv.SubmanifoldConv3d(4, 2), rv.LIF(V_th=0.01)
        return rv.Sequential(*parts, dt=1 * ms, provider=provider)

    net, state = made(), None
    x = rv.encoding.voxels(torch.rand(2, 40, 3, generator=torch.Generator().manual_seed(0)), 6, steps=5)
    out = net(x)[0]
    assert out.any()
    for t, one in enumerate(x):
        step, state = net(one[None], state)
        assert torch.equal(step[0], out[t])
    assert torch.equal(made("reference")(x)[0], out)
    rv.save(net, tmp_path / "net")
    again = rv.load(tmp_path / "net")
    assert torch.equal(again(x)[0], out)
    assert "SubmanifoldConv3d(1, 4, 3, bias=True)" in repr(again)
    out.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_samples_that_do_not_fit_are_refused() -> None:
    net = rv.Sequential(rv.SubmanifoldConv2d(2, 4), rv.LIF((4, 5, 6)), dt=1 * ms)
    with pytest.raises(ShapeError, match=r"takes \(2, height, width\), got samples of shape \(3, 5, 6\)"):
        net(torch.zeros(1, 1, 3, 5, 6))
    with pytest.raises(ShapeError, match=r"takes \(3, height, width\)"):
        rv.Sequential(rv.SubmanifoldConv2d(2, 4), rv.LIF((4, 5, 6)), rv.SubmanifoldConv2d(3, 4), rv.LIF(), dt=1 * ms)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ((0, 4), "in_channels=0"),
        ((2, -1), "out_channels=-1"),
        ((2, 4, 2), "kernel_size=2 must be odd"),
        ((2, 4, 0), "kernel_size=0"),
        ((2, 4, 1.5), "kernel_size=1.5"),
        ((2.5, 4), "in_channels=2.5"),
    ],
)
def test_bad_sizes(sizes: tuple[int, ...], says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        rv.SubmanifoldConv2d(*sizes)


def test_a_step_graph_refuses_it_by_name() -> None:
    net = rv.Sequential(rv.SubmanifoldConv2d(2, 4), rv.LIF((4, 5, 6)), dt=1 * ms).eval()
    with pytest.raises(ProviderError, match="SubmanifoldConv2d"):
        rv.step_graph(net, shapes={"input": (2, 5, 6)})
