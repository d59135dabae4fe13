"""A slow network sets the state of a fast one: windows side by side equal a stream."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import ms
from tests.differences import slope


def hybrid(dtype: torch.dtype = torch.float32, **how) -> rv.blocks.SlowFast:
    torch.manual_seed(0)
    slow = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Tanh())
    fast = rv.Sequential(
        nn.Flatten(), rv.Linear(32, 12), rv.LIF(12, V_th=0.3), rv.Linear(12, 2), rv.LeakyReadout(2), dt=2 * ms, dtype=dtype
    )  # fmt: skip
    return rv.blocks.SlowFast(slow, fast, **{"features": 5, "every": 4, "shape": (2, 4, 4), **how}).to(dtype)


def seen(batch: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    frames = torch.rand(3, batch, 1, 4, 4, generator=generator, dtype=dtype)
    return frames, torch.rand(12, batch, 2, 4, 4, generator=generator, dtype=dtype).round()


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_windows_side_by_side_equal_a_stream(batch: int, dtype: torch.dtype) -> None:
    net, (frames, events) = hybrid(dtype), seen(batch, dtype)
    out = net(frames, events)
    assert out.shape == (12, batch, 2)
    for k, frame in enumerate(frames):
        state = net.start(frame)
        for t in range(4 * k, 4 * k + 4):
            one, state = net.fast(events[t : t + 1], state)
            torch.testing.assert_close(one[0], out[t])


def test_the_state_is_a_linear_map_of_the_features() -> None:
    net, (frames, _) = hybrid(), seen(2)
    state = net.start(frames[0])
    torch.testing.assert_close(state.variables["lif1"]["v"], net.maps[0](net.slow(frames[0])))
    torch.testing.assert_close(state.variables["readout1"]["v"], net.maps[1](net.slow(frames[0])))


def test_gradients_reach_both_networks_and_equal_finite_differences() -> None:
    net, (frames, events) = hybrid(torch.float64, sets=["readout1"]), seen(2, torch.float64)

    def loss() -> torch.Tensor:
        return net(frames, events).square().sum()

    loss().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
    weight = net.maps[0].weight
    assert slope(loss, weight, (0, 2)) == pytest.approx(float(weight.grad[0, 2]), rel=1e-6)


def test_other_populations_start_as_in_any_call() -> None:
    net = hybrid(sets=["readout1"])
    assert len(net.maps) == 1
    assert not net.start(seen(3)[0][0]).variables["lif1"]["v"].any()


def test_its_parameters_are_saved_as_those_of_any_module() -> None:
    net, other, (frames, events) = hybrid(), hybrid(), seen(2)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(0.1)
    assert not torch.equal(other(frames, events), net(frames, events))
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(frames, events), net(frames, events))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"every": 0}, "every=0"),
        ({"features": -2}, "features=-2"),
        ({"every": 2.5}, "every=2.5"),
        ({"sets": ["lif7"]}, r"sets='lif7' is not a population with a variable 'v': choose from lif1, readout1"),
        ({"variable": "w", "sets": ["lif1"]}, "choose from none"),
        ({"variable": "w"}, "set no state: sets=None; populations with a variable 'w': none"),
        ({"sets": []}, r"set no state: sets=\[\]; populations with a variable 'v': lif1, readout1"),
    ],
)
def test_bad_arguments(how: dict, says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        hybrid(**how)


def test_a_fast_part_that_is_no_network_and_features_of_another_size() -> None:
    with pytest.raises(ShapeError, match="fast must be a network with one input"):
        rv.blocks.SlowFast(nn.Flatten(), nn.Linear(16, 2), features=16, every=2)
    with pytest.raises(ShapeError, match=r"features of shape \(6, 5\), expected \[B, 6\]"):
        hybrid(features=6)(*seen(2))
    with pytest.raises(ShapeError, match=r"got \(3,\) and \(12,\)"):
        hybrid()(torch.zeros(3), torch.zeros(12))


def test_populations_without_a_size_are_refused() -> None:
    fast = rv.Sequential(nn.Flatten(), rv.Linear(32, 12), rv.LIF(12), dt=2 * ms)
    with pytest.raises(RanvierError, match="size of 'input' is unknown"):
        rv.blocks.SlowFast(nn.Flatten(), fast, features=16, every=2)


@pytest.mark.parametrize(("frames", "steps", "batch"), [(3, 11, 2), (2, 12, 2), (3, 12, 1)])
def test_frames_and_events_that_do_not_fit(frames: int, steps: int, batch: int) -> None:
    with pytest.raises(ShapeError, match=rf"{frames} frames of 2 samples go with {4 * frames} steps of 2 samples"):
        hybrid()(torch.rand(frames, 2, 1, 4, 4), torch.rand(steps, batch, 2, 4, 4))
