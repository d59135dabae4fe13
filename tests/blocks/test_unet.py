"""The spiking U-Net: its shapes, what it computes, and files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import ms

DOUBLE = torch.float64


def net(channels: tuple[int, ...] = (3, 5), dtype: torch.dtype = DOUBLE, **how: Any) -> rv.Sequential:
    torch.manual_seed(0)
    return rv.Sequential(*rv.blocks.unet(2, 1, channels), dt=1 * ms, dtype=dtype, **how)


@pytest.mark.parametrize("channels", [(3,), (3, 5), (2, 3, 4)])
@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
def test_it_keeps_the_size(channels: tuple[int, ...], batch: int, dtype: torch.dtype) -> None:
    out, _ = net(channels, dtype)(torch.rand(4, batch, 2, 8, 8, dtype=dtype))
    assert out.shape == (4, batch, 1, 8, 8)
    assert out.dtype == dtype
    assert bool(torch.isfinite(out).all())


@pytest.mark.parametrize("patch", [2, 4])
def test_patches_divide_the_work(patch: int) -> None:
    made = rv.Sequential(*rv.blocks.unet(2, 3, (4, 5), patch=patch), dt=1 * ms)
    assert made(torch.rand(2, 3, 2, 8, 16))[0].shape == (2, 3, 3, 8, 16)
    seen = made.observe(torch.rand(2, 3, 2, 8, 16), record={"lif1": ["spikes"]})["lif1"]["spikes"]
    assert seen.shape == (2, 3, 4, 8 // patch, 16 // patch)


def test_it_is_the_sum_of_its_ways() -> None:
    """With a rectifier in place of cells it is the U-Net of a few lines of torch."""
    torch.manual_seed(0)

    def relu() -> rv.Cell:
        return rv.Cell("y = maximum(x, 0) : 1\nx : 1 (input)", emit="y", name="relu")

    parts = rv.blocks.unet(2, 1, (3, 5), cell=relu, norm=lambda n: nn.Identity())
    made = rv.Sequential(*parts, dt=1 * ms, dtype=DOUBLE)
    x = torch.randn(1, 4, 2, 8, 8, dtype=DOUBLE)
    w = {
        n: (p.chain, next(m for m in p.chain if hasattr(m, "weight")))
        for n, p in made.projections.items()
        if any(hasattr(m, "weight") for m in p.chain)
    }
    convs = [m for _, m in w.values()]
    assert len(convs) == 10

    def conv(k: int, h: torch.Tensor, **how: int) -> torch.Tensor:
        return functional.conv2d(h, convs[k].weight, convs[k].bias, **how)

    def up(k: int, h: torch.Tensor, stride: int) -> torch.Tensor:
        return functional.conv_transpose2d(h, convs[k].weight, convs[k].bias, stride=stride)

    def block(k: int, h: torch.Tensor) -> torch.Tensor:
        return h + conv(k + 1, conv(k, h.relu(), padding=1).relu(), padding=1)

    h = block(1, conv(0, x[0], padding=1))
    low = block(4, conv(3, h.relu(), stride=2, padding=1))
    h = block(7, h + up(6, low.relu(), 2))
    torch.testing.assert_close(made(x)[0][0], up(9, h.relu(), 1))


def test_single_steps_providers_and_files_agree(tmp_path: Path) -> None:
    made, x = net().eval(), torch.rand(5, 2, 2, 8, 8, dtype=DOUBLE)
    out, _ = made(x)
    torch.testing.assert_close(net(provider="reference").eval()(x)[0], out)
    state, steps = None, []
    for row in x:
        one, state = made.step(row, state)
        steps.append(one)
    torch.testing.assert_close(torch.stack(steps), out)
    rv.save(made, tmp_path / "unet")
    torch.testing.assert_close(rv.load(tmp_path / "unet")(x)[0], out)


MISTAKES: list[tuple[Callable[[], object], str]] = [
    (lambda: rv.blocks.unet(0, 1), "in_channels=0"),
    (lambda: rv.blocks.unet(1, -1), "out_channels=-1"),
    (lambda: rv.blocks.unet(1, 1, ()), "one number for each size"),
    (lambda: rv.blocks.unet(1, 1, 32), "channels=32 must be a list"),  # type: ignore[arg-type]
    (lambda: rv.blocks.unet(1, 1, patch=0), "patch=0"),
    (lambda: rv.blocks.unet(1, 1, (8, 0)), "channels_1=0"),
    (lambda: rv.blocks.unet(1, 1, (8, 1.5)), "channels_1=1.5"),  # type: ignore[arg-type]
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), MISTAKES)
def test_mistakes_are_named(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        make()


def test_an_image_that_does_not_divide_is_refused() -> None:
    with pytest.raises((RanvierError, RuntimeError)):
        net((3, 5, 7))(torch.rand(1, 1, 2, 6, 6, dtype=DOUBLE))
