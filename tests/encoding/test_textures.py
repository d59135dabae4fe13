"""Textures have the spectrum asked for, and drift as the formula says."""

from __future__ import annotations

import math

import pytest
import torch

import ranvier as rv
from ranvier.errors import MemoryLimitError, RanvierError, ShapeError
from ranvier.limits import within_memory


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_band_of_frequencies_is_the_one_asked_for() -> None:
    for frequency in (0.08, 0.2):
        light = rv.encoding.textures(40, 64, frequency=frequency, bandwidth=0.15, contrast=0.05, generator=seeded())
        power = torch.fft.fft2(light - 0.5).abs().square().mean(0)
        f = torch.hypot(*torch.meshgrid(torch.fft.fftfreq(64), torch.fft.fftfreq(64), indexing="ij"))
        assert float((f * power).sum() / power.sum()) == pytest.approx(frequency, rel=0.1)
        assert float(light.std()) == pytest.approx(0.05, rel=0.05)


def test_the_orientation_is_the_one_asked_for() -> None:
    light = rv.encoding.textures(20, 64, orientation=0.0, spread=0.1, generator=seeded())
    right, down = (light.diff(dim=d).square().mean() for d in (2, 1))
    assert right > 10 * down


def test_light_stays_in_range() -> None:
    light = rv.encoding.textures(3, 16, contrast=2.0, generator=seeded())
    assert 0 <= float(light.min()) <= float(light.max()) <= 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_whole_shifts_roll(dtype: torch.dtype) -> None:
    image = rv.encoding.textures(2, 16, generator=seeded()).to(dtype)
    frames = rv.encoding.drift(image, torch.tensor([[[3.0, 1.0], [0.0, -2.0]]]))
    assert frames.dtype == dtype
    torch.testing.assert_close(frames[0, 0], image[0].roll((-1, -3), (0, 1)), atol=1e-5, rtol=0)
    torch.testing.assert_close(frames[0, 1], image[1].roll((2, 0), (0, 1)), atol=1e-5, rtol=0)


def test_a_wave_moves_by_parts_of_a_pixel() -> None:
    x = torch.arange(16.0)
    image = (0.5 + 0.4 * torch.cos(2 * math.pi * 3 * x / 16)).expand(1, 16, 16)
    frames = rv.encoding.drift(image, torch.tensor([[[0.3, 5.0]]]))
    torch.testing.assert_close(
        frames[0, 0, 4], 0.5 + 0.4 * torch.cos(2 * math.pi * 3 * (x + 0.3) / 16), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"count": 0}, "count=0"),
        ({"size": 2.5}, "size=2.5"),
        ({"frequency": 0.5}, "frequency=0.5"),
        ({"frequency": 0}, "frequency=0"),
        ({"bandwidth": -1}, "bandwidth=-1"),
        ({"spread": 0}, "spread=0"),
        ({"contrast": math.nan}, "contrast=nan"),
    ],
)
def test_values_out_of_range(change: dict, text: str) -> None:
    with pytest.raises(RanvierError, match=text):
        rv.encoding.textures(**{"count": 2, "size": 8, **change})


def test_other_mistakes() -> None:
    image = torch.rand(2, 8, 8)
    for path in (torch.zeros(5, 3, 2), torch.zeros(5, 2), torch.zeros(5, 2, 3)):
        with pytest.raises(ShapeError, match=r"expected \[B, H, W\] and \[T, B, 2\]"):
            rv.encoding.drift(image, path)
    with within_memory(1 << 16), pytest.raises(MemoryLimitError, match="give fewer frames"):
        rv.encoding.drift(image, torch.zeros(1000, 2, 2))
    with within_memory(1 << 16), pytest.raises(MemoryLimitError, match="give fewer or smaller ones"):
        rv.encoding.textures(100, 64)
