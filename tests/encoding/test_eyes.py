"""Eyes have the parts that are documented, and jerk along the smoothest path."""

from __future__ import annotations

import math

import pytest
import torch

import ranvier as rv
from ranvier.errors import MemoryLimitError, RanvierError, ShapeError
from ranvier.limits import within_memory


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_pupil_iris_and_sclera_follow_from_the_middle_outwards() -> None:
    light = rv.encoding.eyes(40, 64, iris=0.3, generator=seeded())
    assert light.shape == (40, 64, 64)
    assert 0 <= float(light.min()) <= float(light.max()) <= 1
    r = torch.hypot(*torch.meshgrid(*[torch.arange(64) - 31.5] * 2, indexing="ij"))
    pupil, iris, sclera = (light[:, (low <= r) & (r < high)] for low, high in ((0, 3), (10, 13), (26, 31)))
    assert (pupil.amax(1) < iris.median(1).values).all()
    assert (iris.median(1).values < sclera.amin(1)).all()
    assert float(pupil.std(1).max()) < 0.01  # flat, where the iris has texture
    assert float(iris.std(1).min()) > 0.01


def test_eyes_are_decided_by_the_generator() -> None:
    first, again = (rv.encoding.eyes(3, 16, generator=seeded(5)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_path_goes_from_rest_to_rest_with_the_documented_peak(dtype: torch.dtype) -> None:
    path = rv.encoding.microsaccades(torch.tensor([2.0, 3.0], dtype=dtype), [0.0, math.pi / 2], 10, 100, 121)
    assert path.dtype == dtype
    assert not path[:11].any()
    torch.testing.assert_close(path[110:], path[-1:].expand(11, 2, 2))
    torch.testing.assert_close(path[-1], torch.tensor([[2.0, 0.0], [0.0, 3.0]], dtype=dtype), atol=1e-6, rtol=0)
    speed = path.diff(dim=0).norm(dim=2)
    torch.testing.assert_close(speed.amax(0), 1.875 * torch.tensor([2.0, 3.0], dtype=dtype) / 100, rtol=1e-3, atol=0)
    jerk = path[11:110, 0, 0].diff(n=6).abs().max()  # the path of least jerk is a polynomial of degree 5
    assert dtype == torch.float32 or float(jerk) < 1e-11


def test_larger_movements_cause_more_events() -> None:
    path = rv.encoding.microsaccades([1.0, 1.0, 3.0, 3.0], 0.0, 1, 8, 12)
    eye = rv.encoding.eyes(1, 16, generator=seeded()).expand(4, 16, 16)
    events = rv.encoding.EventCamera()(rv.encoding.drift(eye, -path), generator=seeded()).sum((0, 2, 3, 4))
    assert events[2:].min() > 2 * events[:2].max()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"count": 0}, "count=0"),
        ({"size": 3}, "size=3; give a whole number of at least 4"),
        ({"size": 8.5}, "size=8.5"),
        ({"iris": 0.5}, "iris=0.5; give a part of the size between 0 and 0.5"),
        ({"iris": -0.1}, "iris=-0.1"),
        ({"iris": None}, "iris=None"),
        ({"edge": "wide"}, "edge='wide'"),
        ({"edge": 0}, "edge=0; give pixels above 0"),
    ],
)
def test_wrong_eyes_are_refused(change: dict[str, object], text: str) -> None:
    with pytest.raises(RanvierError, match=text):
        rv.encoding.eyes(**{"count": 2, "size": 8, **change})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"amplitude": 1.0}, ShapeError, r"amplitude has shape \(\); expected \[B\]"),
        ({"direction": [0.0, 1.0, 2.0]}, ShapeError, r"direction has shape \(3,\); expected \(2,\)"),
        ({"amplitude": [-1.0, 1.0]}, RanvierError, "amplitudes of 0 or more"),
        ({"duration": 0}, RanvierError, "durations above 0 steps"),
        ({"start": math.nan}, RanvierError, "start holds NaN"),
        ({"steps": 0}, RanvierError, "steps=0"),
    ],
)
def test_wrong_paths_are_refused(change: dict[str, object], error: type[Exception], text: str) -> None:
    given = {"amplitude": [1.0, 2.0], "direction": 0.0, "start": 0, "duration": 4, "steps": 8, **change}
    with pytest.raises(error, match=text):
        rv.encoding.microsaccades(**given)  # pyright: ignore[reportArgumentType]


def test_too_many_eyes_are_refused() -> None:
    with within_memory(1 << 16), pytest.raises(MemoryLimitError, match="give fewer or smaller ones"):
        rv.encoding.eyes(1000, 64)
