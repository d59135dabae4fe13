"""Convolutions some rows at a time are torch's, in value and gradient, and use their memory again."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.kernels.cpu.events.convolution import convolution
from ranvier.kernels.cpu.host.buffers import buffer_stats
from ranvier.units import ms

#: sizes of kernel and input, stride, padding, dilation, transposed, output padding, groups
FORMS = {
    "line": ((6, 4, 3), (4, 11), (2,), (1,), (1,), False, (0,), 1),
    "plane": ((6, 2, 3, 2), (4, 7, 9), (1, 2), (2, 0), (1, 2), False, (0, 0), 2),
    "space": ((3, 2, 2, 3, 1), (2, 4, 5, 3), (1, 1, 2), (0, 1, 0), (2, 1, 1), False, (0, 0, 0), 1),
    "transposed line": ((4, 3, 3), (4, 5), (2,), (1,), (1,), True, (1,), 1),
    "transposed plane": ((4, 3, 3, 2), (4, 5, 6), (1, 2), (1, 0), (1, 2), True, (0, 1), 2),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("at_once", [1, 1 << 11])
def test_equal_to_torch(form: str, dtype: torch.dtype, biased: bool, at_once: int) -> None:
    weight, sample, stride, padding, dilation, transposed, more, groups = FORMS[form]
    sizes = (stride, padding, dilation, transposed, more, groups)
    torch.manual_seed(0)
    channels = weight[1] * groups if transposed else weight[0]
    given = [torch.randn(5, *sample), torch.randn(weight), *([torch.randn(channels)] if biased else [])]
    found = []
    for run in (torch.convolution, convolution):
        leaves = [t.to(dtype).requires_grad_() for t in given]
        x, w, *bias = leaves
        options = {"at_once": at_once} if run is convolution else {}
        out = run(x, w, bias[0] if bias else None, *sizes, **options)
        upstream = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
        found.append([out, *torch.autograd.grad(out, leaves, upstream)])
    near = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-12, "atol": 1e-12}
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, **near)


def test_only_wanted_gradients_are_worked_out() -> None:
    x, weight = torch.rand(6, 2, 5, 5, requires_grad=True), torch.rand(3, 2, 3, 3)
    sizes = ((1, 1), (1, 1), (1, 1), False, (0, 0), 1)
    convolution(x, weight, None, *sizes, at_once=1).sum().backward()
    assert x.grad is not None
    assert weight.grad is None
    with torch.no_grad():
        assert not convolution(x, weight, None, *sizes, at_once=1).requires_grad


def test_no_rows() -> None:
    out = convolution(torch.rand(0, 2, 5, 5), torch.rand(3, 2, 3, 3), None, (1, 1), (1, 1), (1, 1), False, (0, 0), 1)
    assert out.shape == (0, 3, 5, 5)


@pytest.mark.parametrize(
    "module", [nn.Conv2d(2, 8, 3, padding=1), rv.Conv2d(2, 8, 3, padding=1), nn.ConvTranspose2d(2, 8, 1)]
)
def test_a_network_uses_its_memory_again(module: nn.Module) -> None:
    """A second step of training finds every large block on the shelf, and asks the system for no pages."""
    net = rv.Sequential(module, rv.LIF(), dt=1 * ms)
    x = (torch.rand(4, 64, 2, 24, 24) < 0.3).float()

    def step() -> None:
        net.zero_grad()
        net(x)[0].sum().backward()

    for _ in range(3):
        step()
    before, pages = buffer_stats(), _faults()
    for _ in range(4):
        step()
    after = buffer_stats()
    assert after.hits > before.hits
    assert after.misses == before.misses
    large = x.new_empty(4, 64, 8, 24, 24).nbytes // 4096
    assert _faults() - pages < large  # once at most, in four steps; every step has four tensors of that size


def _faults() -> int:
    """Pages that this process has got from the system."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def test_hooks_and_forwards_of_a_subclass_are_not_bypassed() -> None:
    class Doubled(rv.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
            return 2 * nn.functional.conv2d(x, self.weight)

    seen = []
    hooked = nn.Conv2d(2, 3, 3, bias=False)
    hooked.register_forward_hook(lambda *_: seen.append(1))
    own = Doubled(2, 3, 3, bias=False)
    x = (torch.rand(3, 2, 2, 6, 6) < 0.5).float()
    for module, factor in ((hooked, 1), (own, 2)):
        net = rv.Sequential(module, rv.LIF(tau=4 * ms), dt=1 * ms)
        plain = rv.Sequential(nn.Conv2d(2, 3, 3, bias=False), rv.LIF(tau=4 * ms), dt=1 * ms)
        with torch.no_grad():
            next(plain.parameters()).copy_(factor * module.weight)
        assert torch.equal(net(x)[0], plain(x)[0])
    assert seen
