"""Events as points in space and time, and points as groups of neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ranvier.encoding._checks import shares
from ranvier.errors import RanvierError, ShapeError
from ranvier.values import is_whole

if TYPE_CHECKING:
    from ranvier.data import Events

__all__ = ["event_points", "point_groups"]

Tensor = torch.Tensor
#: standard deviations of offsets that count as 1
_REACH = 3.0


def event_points(
    events: Events, count: int, *, time: str = "clock", generator: torch.Generator | None = None
) -> Tensor:
    """A window of events of a camera as ``count`` points (x, y, t), each coordinate from 0 to 1.

    x and y are divided by the width and the height of the sensor, less one. Points are drawn from the events without
    replacement, and lie in the order of time. If there are fewer events, all are taken, and the other points are drawn
    again from them. Polarities are left out.

    Parameters
    ----------
    events
        A window, as ``events.between(start, stop)`` gives it.
    count
        N.
    time
        ``"clock"``: t runs from the first event to the last. ``"rank"``: t is the place of the event in the order of all
        events, so that the points lie evenly in time however the speed changes.
    generator
        Decides which are drawn; None takes torch's own.

    Returns
    -------
    Tensor
        [N, 3] float32.

    Raises
    ------
    ShapeError
        Where the events are not those of a camera (P, H, W), or the window is empty.
    RanvierError
        Where ``count`` is not a positive whole number, or ``time`` is unknown.

    Source: Ren et al., ICLR 2024 (SpikePoint); Wang et al., WACV 2019 (space-time event clouds).

    >>> events = rv.data.Events.from_columns([0, 500, 900], [0, 1, 3], [0, 1, 2], [1, 0, 1], height=3, width=4)
    >>> rv.encoding.event_points(events, 3)[1]
    tensor([0.3333, 0.5000, 0.5556])
    """
    if len(events.shape) != 3:
        raise ShapeError(
            f"event_points takes events of a camera of shape (P, H, W), got a sensor of shape {events.shape}."
        )
    if not is_whole(count):
        raise RanvierError(f"event_points: count={count!r} must be a positive whole number.")
    if time not in ("clock", "rank"):
        raise RanvierError(f"event_points: time={time!r} is unknown: use 'clock' or 'rank'.")
    total = len(events)
    if not total:
        raise ShapeError("event_points got a window without events: give a longer one, or leave it out.")
    drawn = torch.randperm(total, generator=generator)[:count]
    if count > total:
        drawn = torch.cat([drawn, torch.randint(total, (count - total,), generator=generator)])
    drawn = drawn.sort().values
    height, width = events.shape[1:]
    place, when = torch.from_numpy(events.place), torch.from_numpy(events.t)
    rank = torch.arange(total) if time == "rank" else when - when[0]
    columns = ((place % width, width - 1), (place // width % height, height - 1), (rank, int(rank[-1])))
    return torch.stack([values[drawn] / max(last, 1) for values, last in columns], 1).to(torch.float32)


def point_groups(points: Any, groups: int, size: int, *, signed: bool = False) -> Tensor:
    """Groups of neighbouring points as coordinates that rates can code.

    Centres c_m are chosen one by one, from the first point on: each is the point farthest from those before (farthest
    point sampling). Its group holds the ``size`` points nearest to it. A point p of the group m gives

        (|p - c_m|/(3*sd), min of the group m),   sd the standard deviation of all p - c_m of the sample

    Rates cannot be negative, so offsets lose their sign. The smallest coordinates of the group keep the direction: the farther
    the group extends below its centre, the smaller they are. (The source divides by sd; here values above 3*sd count
    as 1, so that all lie from 0 to 1.)

    Parameters
    ----------
    points
        [B, N, D] from 0 to 1.
    groups, size
        M and K.
    signed
        ((p - c_m)/(3*sd), c_m) instead, as ordinary networks take it.

    Returns
    -------
    Tensor
        [B, 2 D, M, K], from 0 to 1; signed offsets from -1 to 1. A convolution of size 1 sees every point by itself.

    Raises
    ------
    ShapeError
        Where points are not [B, N, D], or M or K is not a whole number from 1 to N.

    Source: Ren et al., ICLR 2024 (SpikePoint).

    >>> rv.encoding.point_groups(torch.rand(2, 128, 3), 16, 8).shape
    torch.Size([2, 6, 16, 8])
    """
    x = shares(points, "points")
    if x.ndim != 3:
        raise ShapeError(f"points have shape {tuple(x.shape)}; expected [B, N, D], such as stacked event_points")
    for name, value in (("groups", groups), ("size", size)):
        if not (is_whole(value) and value <= x.shape[1]):
            raise ShapeError(
                f"point_groups: {name}={value!r} must be a whole number from 1 to the {x.shape[1]} points of a sample."
            )
    centre = _gathered(x, _farthest(x, groups))  # [B, M, D]
    apart = torch.cdist(centre, x, compute_mode="donot_use_mm_for_euclid_dist")  # products would lose small distances
    nearest = apart.topk(size, largest=False).indices  # [B, M, K]
    member = _gathered(x, nearest.flatten(1)).unflatten(1, nearest.shape[1:])
    offset = member - centre.unsqueeze(2)
    spread = offset.flatten(1).std(1, correction=0).clamp(min=torch.finfo(x.dtype).tiny)
    far = (offset / (_REACH * spread.reshape(-1, 1, 1, 1))).clamp(-1, 1)
    where = (centre.unsqueeze(2) if signed else member.amin(2, keepdim=True)).expand_as(far)
    return torch.cat([far if signed else far.abs(), where], 3).permute(0, 3, 1, 2).contiguous()


def _gathered(x: Tensor, which: Tensor) -> Tensor:
    """The points ``which`` [B, M] of ``x`` [B, N, D]."""
    return x.gather(1, which.unsqueeze(2).expand(-1, -1, x.shape[2]))


def _farthest(x: Tensor, count: int) -> Tensor:
    """[B, M]: the first point, then each time the one with the largest distance to those chosen."""
    chosen = torch.zeros(len(x), count, dtype=torch.long, device=x.device)
    nearest = torch.full(x.shape[:2], torch.inf, dtype=x.dtype, device=x.device)
    for m in range(1, count):
        last = _gathered(x, chosen[:, m - 1 : m])
        nearest = torch.minimum(nearest, (x - last).square().sum(2))
        chosen[:, m] = nearest.argmax(1)
    return chosen
