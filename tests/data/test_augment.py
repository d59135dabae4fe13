"""Changes for training: what moves, what is lost, what stays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ranvier import data
from ranvier.errors import RanvierError, ShapeError

X = torch.arange(60.0).reshape(6, 10) + 1


def samples() -> data.Samples:
    return data.Samples(lambda i: torch.full((4, 3), float(i)), np.arange(6), np.array([0, 0, 0, 1, 1, 1]))


def moved(by: int, axis: int) -> torch.Tensor:
    place = torch.arange(X.shape[axis]) - by
    kept = ((place >= 0) & (place < X.shape[axis])).unsqueeze(1 - axis)
    return torch.roll(X, by, axis) * kept


@given(st.integers(0, 1000))
def test_shifts_move_everything_alike(seed: int) -> None:
    torch.manual_seed(seed)
    for change, axis in ((data.ChannelShift(4), 1), (data.TimeShift(4), 0)):
        out = change(X)
        fits = [by for by in range(-4, 5) if torch.equal(out, moved(by, axis))]
        assert len(fits) == 1


def test_a_shift_beyond_the_edge_leaves_nothing() -> None:
    torch.manual_seed(0)
    assert any(data.TimeShift(50)(X).sum() == 0 for _ in range(20))


@given(st.integers(0, 1000))
def test_a_mask_silences_one_stretch(seed: int) -> None:
    torch.manual_seed(seed)
    out = data.TimeMask(3)(X)
    silent = (out == 0).all(1).nonzero()[:, 0]
    assert len(silent) <= 3
    assert (silent.diff() == 1).all()
    kept = (out != 0).all(1)
    assert torch.equal(out[kept], X[kept])
    assert X.min() == 1  # the sample itself is as it was


def test_jitter_keeps_events_and_times_and_spreads_channels() -> None:
    torch.manual_seed(0)
    x = torch.zeros(50, 101)
    x[:, 50] = 2
    out = data.ChannelJitter(3.0)(x)
    assert torch.equal(out.sum(1), x.sum(1))
    place = out.nonzero()[:, 1].double()
    assert float(place.std()) == pytest.approx(3.0, rel=0.3)
    with pytest.raises(ShapeError, match=r"\[T, N\]"):
        data.ChannelJitter(1.0)(torch.zeros(3))


def test_crop() -> None:
    torch.manual_seed(0)
    starts = {int(data.Crop(4)(X)[0, 0]) for _ in range(50)}
    assert starts == {1, 11, 21}
    with pytest.raises(ShapeError, match="needs as many"):
        data.Crop(7)(X)


def test_augmented_and_blended_sets_are_torch_data_sets() -> None:
    torch.manual_seed(0)
    changed = data.Augmented(samples(), lambda x: x + 1, lambda x: 2 * x)
    assert len(changed) == 6
    assert torch.equal(changed[2][0], torch.full((4, 3), 6.0))
    blended = data.Blend(samples(), share=1.0)
    seen = {float(v) for _ in range(30) for v in blended[4][0].flatten()}
    assert seen == {3.0, 4.0, 5.0}
    assert int(blended[4][1]) == 1
    assert torch.equal(data.Blend(samples(), share=0.0)[4][0], samples()[4][0])
    with pytest.raises(RanvierError, match="probability"):
        data.Blend(samples(), share=2.0)
