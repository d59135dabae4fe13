"""Events as points: coordinates, groups and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError

Events = rv.data.Events


def window(count: int = 200, seed: int = 0) -> Events:
    drawn = np.random.default_rng(seed)
    t = np.sort(drawn.integers(5000, 90000, count))
    return Events.from_columns(
        t, drawn.integers(0, 12, count), drawn.integers(0, 9, count), drawn.integers(0, 2, count), 9, 12
    )


def test_points_are_the_events() -> None:
    events = window()
    points = rv.encoding.event_points(events, 200)
    t = (events.t - events.t[0]) / (events.t[-1] - events.t[0])
    expected = np.stack([events.place % 12 / 11, events.place // 12 % 9 / 8, t], 1)
    np.testing.assert_allclose(points.numpy(), expected, rtol=1e-6)


def test_ranks_lie_evenly_in_time_however_the_speed_changes() -> None:
    points = rv.encoding.event_points(window(), 200, time="rank")
    torch.testing.assert_close(points[:, 2], torch.linspace(0, 1, 200))


def test_few_are_drawn_without_and_many_with_repetition() -> None:
    events = window(50)
    few = rv.encoding.event_points(events, 20, time="rank", generator=torch.Generator().manual_seed(1))
    again = rv.encoding.event_points(events, 20, time="rank", generator=torch.Generator().manual_seed(1))
    many = rv.encoding.event_points(events, 120, time="rank")
    assert torch.equal(few, again)
    assert len(few[:, 2].unique()) == 20
    assert len(many) == 120
    assert len(many[:, 2].unique()) == 50
    assert bool((many[1:, 2] >= many[:-1, 2]).all())


def test_one_event_and_a_sensor_of_one_pixel_are_points() -> None:
    points = rv.encoding.event_points(Events(np.array([7]), np.array([1]), (2, 1, 1)), 3)
    assert torch.equal(points, torch.zeros(3, 3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 7])
def test_groups_equal_their_definition(dtype: torch.dtype, batch: int) -> None:
    x = torch.rand(batch, 40, 3, dtype=dtype, generator=torch.Generator().manual_seed(2))
    found = rv.encoding.point_groups(x, 5, 6)
    signed = rv.encoding.point_groups(x, 5, 6, signed=True)
    assert found.dtype == dtype
    assert found.shape == (batch, 6, 5, 6)
    for b, points in enumerate(x):
        centres = [0]
        while len(centres) < 5:
            away = torch.stack([(points - points[c]).norm(dim=1) for c in centres]).amin(0)
            centres.append(int(away.argmax()))
        near = [(points - points[c]).norm(dim=1).argsort()[:6] for c in centres]
        offsets = torch.stack([points[n] - points[c] for n, c in zip(near, centres, strict=True)])
        far = (offsets / (3 * offsets.std(correction=0))).clamp(-1, 1).permute(2, 0, 1)
        least = torch.stack([points[n].amin(0) for n in near])
        torch.testing.assert_close(signed[b, :3], far)
        torch.testing.assert_close(found[b, :3], far.abs())
        torch.testing.assert_close(found[b, 3:], least.T[..., None].expand(3, 5, 6))
        torch.testing.assert_close(signed[b, 3:], points[centres].T[..., None].expand(3, 5, 6))


def test_the_nearest_points_are_found_in_dense_clouds() -> None:
    near = torch.tensor([0.0, 1e-5, 2e-5, 3e-5])[:, None] * torch.ones(3) + 0.9
    points = torch.cat([near, 0.9 + 1e-3 * torch.rand(60, 3, generator=torch.Generator().manual_seed(0)) + 1e-4])
    offset = rv.encoding.point_groups(points[None], 1, 4, signed=True)[0, :3, 0].t()
    exact = (near - near[0]).sort(0).values
    spread = exact.std(correction=0)
    torch.testing.assert_close(offset.sort(0).values, exact / (3 * spread), rtol=1e-4, atol=1e-4)


def test_groups_of_equal_points_have_no_offsets() -> None:
    found = rv.encoding.point_groups(torch.full((2, 8, 3), 0.5), 2, 4)
    assert torch.equal(found[:, :3], torch.zeros(2, 3, 2, 4))
    assert torch.equal(found[:, 3:], torch.full((2, 3, 2, 4), 0.5))


def test_groups_can_be_coded_by_rates() -> None:
    spikes = rv.encoding.bernoulli(rv.encoding.point_groups(torch.rand(2, 32, 3), 4, 8), 5)
    assert spikes.shape == (5, 2, 6, 4, 8)


@pytest.mark.parametrize(
    ("events", "count", "how", "error", "says"),
    [
        (Events(np.array([0]), np.array([0]), (4,)), 2, {}, ShapeError, r"sensor of shape \(4,\)"),
        (Events(np.zeros(0, int), np.zeros(0, int), (2, 3, 3)), 2, {}, ShapeError, "without events: give a longer one"),
        (window(5), 0, {}, RanvierError, "count=0"),
        (window(5), 2.5, {}, RanvierError, "count=2.5"),
        (window(5), 2, {"time": "speed"}, RanvierError, "'speed' is unknown: use 'clock' or 'rank'"),
    ],
)
def test_bad_windows(events: Events, count: int, how: dict[str, str], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        rv.encoding.event_points(events, count, **how)


@pytest.mark.parametrize(
    ("points", "groups", "size", "error", "says"),
    [
        (torch.rand(10, 3), 2, 2, ShapeError, r"expected \[B, N, D\]"),
        (torch.rand(1, 10, 3), 11, 2, ShapeError, "groups=11 must be a whole number from 1 to the 10 points"),
        (torch.rand(1, 10, 3), 2, 0, ShapeError, "size=0"),
        (torch.rand(1, 10, 3) + 1, 2, 2, RanvierError, "scale it to 0"),
        (torch.full((1, 10, 3), torch.nan), 2, 2, RanvierError, "NaN"),
    ],
)
def test_bad_points(points: torch.Tensor, groups: int, size: int, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        rv.encoding.point_groups(points, groups, size)
