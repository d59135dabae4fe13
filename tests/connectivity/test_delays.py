"""Delays are read, bounded, interpolated, learned and rounded as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import ranvier as rv
from ranvier.connectivity import Conv2d, DelayWidth, travel_time
from ranvier.connectivity.bound import Binding
from ranvier.connectivity.delays import DelayError, Delays, delay_parameters
from ranvier.connectivity.interpolation import gaussian_taps, linear_taps
from ranvier.errors import ShapeError
from ranvier.kernels.reference import run_product
from ranvier.kernels.tasks import DelayedMatrixProduct
from ranvier.units import mm, ms, mV
from tests.connectivity.carriers import carrier

DOUBLE = torch.float64


def delays(value: object = 3.25 * ms, *, dt: float = 1.0, shape: tuple[int, ...] = (2, 3), **options: object) -> Delays:
    learn = value if isinstance(value, rv.Learn) else rv.Learn(value, max=8 * ms)
    return Delays(learn, shape, options.pop("share", shape), dt=dt, seed=1, name="d", **options)


def dilated(x: Tensor, weight: Tensor, position: Tensor, width: Tensor | None, longest: int) -> Tensor:
    """The published construction: a dense kernel over all steps, then a convolution; ``x`` [T, B, K]."""
    away = torch.arange(longest + 1, dtype=x.dtype) - position.unsqueeze(-1)
    bell = (1 - away.abs()).relu() if width is None else torch.exp(-0.5 * (away / width.unsqueeze(-1)).square())
    kernel = weight.unsqueeze(-1) * bell / (bell.sum(-1, keepdim=True) + 1e-7)
    padded = nn.functional.pad(x.permute(1, 2, 0), (longest, 0))
    return nn.functional.conv1d(padded, kernel.flip(-1)).permute(2, 0, 1)


class TestTaps:
    @given(st.floats(0, 9))
    def test_linear_taps_share_the_weight_between_two_steps(self, d: float) -> None:
        taps, first = linear_taps(torch.tensor([2.0], dtype=DOUBLE), torch.tensor([d], dtype=DOUBLE), 9)
        step = min(math.floor(d), 8)
        assert int(first) == step
        torch.testing.assert_close(taps[0], torch.tensor([2 * (1 - d + step), 2 * (d - step)], dtype=DOUBLE))

    @pytest.mark.parametrize("interpolation", ["linear", "gaussian"])
    def test_gradients_equal_finite_differences(self, interpolation: str) -> None:
        torch.manual_seed(0)
        weight, width = torch.randn(4, 5, dtype=DOUBLE), 0.4 + torch.rand(4, 5, dtype=DOUBLE)
        position = (torch.randint(0, 7, (4, 5)) + 0.1 + 0.3 * torch.rand(4, 5)).to(DOUBLE)
        x = (torch.rand(20, 2, 5) < 0.3).to(DOUBLE)

        def run(x: Tensor, w: Tensor, d: Tensor, s: Tensor) -> Tensor:
            taps, first = linear_taps(w, d, 8) if interpolation == "linear" else gaussian_taps(w, d, s, 8)
            return run_product(DelayedMatrixProduct(x, taps, first, x.detach()[:0]))

        inputs = [t.requires_grad_() for t in (x, weight, position)] + [
            width.requires_grad_(interpolation == "gaussian")
        ]
        assert torch.autograd.gradcheck(run, inputs)
        assert torch.autograd.gradgradcheck(run, inputs)

    @pytest.mark.parametrize("width", [None, 0.3, 0.5, 2.0, 12.0])
    @pytest.mark.parametrize("by_event", [True, False])
    def test_equal_to_dilated_convolution_with_learnable_spacings(self, width: float | None, by_event: bool) -> None:
        torch.manual_seed(0)
        longest = 24
        layer = rv.Linear(
            30, 20, bias=False, delay=rv.Learn(rv.Uniform(0 * ms, 24 * ms), max=24 * ms),
            interpolation="linear" if width is None else "gaussian", width=None if width is None else rv.Learn(width * ms),
        )  # fmt: skip
        place = layer.bind(Binding(1.0, 0, 3, "l"))
        x = (torch.rand(60, 4, 30) < 0.1).float().requires_grad_()
        grad = torch.randn(60, 4, 20)
        own = [layer.weight, layer.delay.position, *([] if width is None else [layer.delay.width])]
        out = layer.delayed(x, torch.zeros(longest, 4, 30), place, carrier(by_event))
        got = torch.autograd.grad(out, [x, *own], grad)
        leaves = [p.detach().double().requires_grad_() for p in (x, *own)]
        there = dilated(*leaves, *([None] if width is None else []), longest)
        wanted = torch.autograd.grad(there, leaves, grad.double())
        torch.testing.assert_close(out.double(), there, rtol=0, atol=1e-5)
        for a, b in zip(got, wanted, strict=True):
            assert float((a.double() - b).norm() / b.norm()) < 1e-5

    @pytest.mark.parametrize("taps", [linear_taps, lambda w, d, n: gaussian_taps(w, d, torch.ones(2), n)])
    def test_a_position_that_became_nan_stands_within_the_history(self, taps: object) -> None:
        made, first = taps(torch.ones(2), torch.tensor([2.0, float("nan")]), 8)
        assert 0 <= int(first.min()) <= int(first.max()) <= 8
        assert bool(made[0].isfinite().all())
        assert bool(made[1].isnan().any())


class TestDelays:
    def test_one_step_is_dt(self) -> None:
        made = delays(dt=0.5)
        taps, first = made(torch.ones(2, 3, dtype=DOUBLE), 0.5)
        assert (made.shortest(0.5), made.longest(0.5)) == (0, 16)
        assert first.unique().tolist() == [6]
        torch.testing.assert_close(taps, torch.tensor([0.5, 0.5], dtype=DOUBLE).expand(2, 3, 2))

    def test_a_bound_that_falls_between_steps_reaches_the_next(self) -> None:
        assert delays(rv.Learn(1 * ms, max=25 * ms)).longest(10.0) == 3
        assert delays(rv.Learn(1 * ms, max=25 * ms)).longest(0.1) == 250

    def test_outside_the_bounds_the_bound_counts_and_the_gradient_passes(self) -> None:
        made = delays()
        with torch.no_grad():
            made.position.fill_(11.0)
        taps, first = made(torch.ones(2, 3, dtype=DOUBLE), 1.0)
        assert first.unique().tolist() == [7]
        torch.testing.assert_close(taps[..., 1], torch.ones(2, 3, dtype=DOUBLE))
        taps[..., 1].sum().backward()
        assert bool((made.position.grad == 1).all())

    @pytest.mark.parametrize("share", [(2, 3), (1, 3), (2, 1)])
    def test_sharing(self, share: tuple[int, int]) -> None:
        made = delays(rv.Learn(rv.Uniform(0 * ms, 8 * ms), max=8 * ms), share=share)
        assert tuple(made.position.shape) == share
        taps, _ = made(torch.ones(2, 3, dtype=DOUBLE), 1.0)
        assert taps.shape == (2, 3, 2)

    def test_lag_moves_all(self) -> None:
        made = delays()
        assert made(torch.ones(2, 3, dtype=DOUBLE), 1.0, 1)[1].unique().tolist() == [4]
        assert (made.shortest(1.0), made.longest(1.0)) == (0, 8)
        assert made.rounded(1.0).unique().tolist() == [3]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"value": rv.Learn(1 * ms)}, "needs max="),
            ({"value": rv.Learn(0.1 * ms, max=0.4 * ms)}, "below one step"),
            ({"value": rv.Learn(0.1 * ms, max=1e12 * ms)}, "more than 10,000,000 steps"),
            ({"interpolation": "cubic"}, "'linear' or 'gaussian'"),
            ({"width": 1 * ms}, "belongs to interpolation='gaussian'"),
            ({"interpolation": "gaussian", "width": 0 * ms}, "positive time"),
            ({"value": rv.Learn(0 * ms, min=-1 * ms, max=8 * ms)}, "negative times"),
        ],
    )
    def test_mistakes(self, options: dict, message: str) -> None:
        with pytest.raises(DelayError, match=message):
            delays(**options)

    def test_wrong_units_and_shapes(self) -> None:
        with pytest.raises(ShapeError, match="give a time"):
            delays(rv.Learn(1 * mV, max=8 * mV))
        with pytest.raises(ShapeError, match="does not fit"):
            delays(rv.Learn(np.ones(5) * ms, max=8 * ms))

    def test_width_narrows_from_epoch_to_epoch(self) -> None:
        layer = rv.Linear(3, 2, delay=rv.Learn(1 * ms, max=8 * ms), interpolation="gaussian", width=4 * ms)
        layer.bind(Binding(1.0, 0, 0, "l"))
        narrow = DelayWidth(4 * ms, 1 * ms, epochs=2)
        widths = []
        for epoch in range(4):
            narrow(epoch, layer)
            widths.append(float(layer.delay.width))
        assert widths == pytest.approx([4, 2, 1, 1])
        with pytest.raises(DelayError, match="positive times"):
            DelayWidth(4 * ms, 0 * ms, epochs=2)

    def test_delay_parameters_are_positions_and_learnable_widths(self) -> None:
        layer = rv.Linear(
            3, 2, delay=rv.Learn(1 * ms, max=8 * ms), interpolation="gaussian", width=rv.Learn(4 * ms)
        )  # fmt: skip
        layer.bind(Binding(1.0, 0, 0, "l"))
        assert {id(p) for p in delay_parameters(layer)} == {id(layer.delay.position), id(layer.delay.width)}
        assert "delay.position" in layer.state_dict()

    def test_travel_time(self) -> None:
        here, there = np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([[0.0, 4.0]])
        time = travel_time(here * mm, there * mm, 2 * mm / ms)
        np.testing.assert_allclose(np.asarray(time / ms), [[2.0, 2.5]])
        with pytest.raises(DelayError, match="not a time"):
            travel_time(here * mm, there * mm, 2 * mm)


class TestLinear:
    @pytest.mark.parametrize(("per", "count"), [("pre", 3), ("post", 2), ("synapse", 6)])
    def test_fixed_delays_per_side(self, per: str, count: int) -> None:
        layer = rv.Linear(3, 2, delay=np.arange(count) * ms, per=per)
        place = layer.bind(Binding(1.0, 0, 0, "l"))
        wanted = {
            "pre": [[0, 1, 2], [0, 1, 2]], "post": [[0, 0, 0], [1, 1, 1]], "synapse": [[0, 1, 2], [3, 4, 5]],
        }[per]  # fmt: skip
        assert place.table.tolist() == wanted

    def test_extra_axes_are_carried(self) -> None:
        layer = rv.Linear(3, 2, delay=rv.Learn(1.5 * ms, max=4 * ms))
        place = layer.bind(Binding(1.0, 0, 0, "l"))
        x, history = torch.rand(6, 2, 5, 3), torch.rand(4, 2, 5, 3)
        out = layer.delayed(x, history, place, carrier(True))
        assert out.shape == (6, 2, 5, 2)
        torch.testing.assert_close(out[:, :, 4], layer.delayed(x[:, :, 4], history[:, :, 4], place))

    @pytest.mark.parametrize("delay", [3e9, 1e300])
    def test_a_delay_beyond_every_history_is_refused(self, delay: float) -> None:
        with pytest.raises(DelayError, match="more than 10,000,000 steps of 1 ms"):
            rv.Sequential(rv.Linear(3, 2, delay=delay * ms), rv.LIF(2), dt=1 * ms)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"delay": 5}, "delay=5 has dimension 1; give a time, for example"),
            ({"delay": np.ones((2, 3))}, "has dimension 1; give a time"),
            ({"delay": rv.Uniform(0, 5)}, r"delay=Uniform\(0, 5\) has dimension 1"),
            ({"delay": rv.Learn(5, max=9)}, "delay=5 has dimension 1"),
            ({"delay": 5 * mV}, "has dimension mV"),
            ({"delay": -1 * ms}, "holds a negative"),
            ({"delay": "5 ms"}, "delay='5 ms' is not a time: give one such as"),
            ({"delay": rv.Uniform}, "delay=Uniform is not a time"),
            ({"delay": np.ones(5) * ms}, "5 values for 6 synapses"),
            ({"delay": np.ones(6) * ms, "per": "pre"}, "6 values for 3 synapses"),
            ({"delay": rv.Learn(5 * ms)}, "needs max="),
            ({"delay": 1 * ms, "width": 1 * ms}, "width=1 ms belongs to learnable delays"),
            ({"interpolation": "gaussian"}, "interpolation='gaussian' belongs to learnable delays"),
            (
                {"delay": rv.Learn(1 * ms, max=5 * ms), "interpolation": "gaussian", "width": 3},
                "width=3 has dimension 1",
            ),
        ],
    )
    @pytest.mark.parametrize("kind", [rv.Linear, rv.Conv1d, rv.Conv2d, rv.Conv3d, rv.ConvTranspose2d])
    def test_what_is_no_delay_is_refused_where_it_is_given(self, kind: type, options: dict, words: str) -> None:
        sizes = (3, 2) if kind is rv.Linear else (3, 2, 1)
        with pytest.raises((DelayError, ShapeError), match=f"^{kind.__name__}.*{words}"):
            kind(*sizes, **options)

    def test_no_delay_needs_no_unit(self) -> None:
        assert rv.Sequential(rv.Linear(3, 2, delay=0), rv.LIF(2), dt=1 * ms).projections["linear1"].depth == 0

    def test_an_unknown_side_is_refused(self) -> None:
        with pytest.raises(ShapeError, match="'synapse', 'pre' or 'post'"):
            rv.Linear(3, 2, delay=1 * ms, per="axon")


class TestConv2d:
    @pytest.mark.parametrize(("per", "groups"), [("synapse", 1), ("pre", 1), ("post", 1), ("synapse", 2), ("post", 2)])
    @pytest.mark.parametrize("by_event", [True, False])
    def test_equal_to_a_convolution_over_time_and_space(self, per: str, groups: int, by_event: bool) -> None:
        torch.manual_seed(0)
        delay = rv.Learn(rv.Uniform(0 * ms, 6 * ms), max=6 * ms)
        layer = Conv2d(2, 4, 3, padding=1, stride=2, delay=delay, per=per, groups=groups).double()
        place = layer.bind(Binding(1.0, 0, 0, "c"))
        x = (torch.rand(12, 3, 2, 7, 6) < 0.2).double()
        history = torch.zeros(6, 3, 2, 7, 6, dtype=DOUBLE)
        taps, first = place.taps()
        kernel = torch.zeros(4, 2 // groups, 7, 3, 3, dtype=DOUBLE)
        for j in range(2):
            at = torch.nn.functional.one_hot((first + j).long(), 7).movedim(-1, 2)
            kernel = kernel + at * taps[..., j].unsqueeze(2)
        padded = nn.functional.pad(x.movedim(0, 2), (0, 0, 0, 0, 6, 0))
        wanted = nn.functional.conv3d(padded, kernel.flip(2), layer.bias, (1, 2, 2), (0, 1, 1), 1, groups).movedim(2, 0)
        got = layer.delayed(x, history, place, carrier(by_event))
        torch.testing.assert_close(got, wanted)
        own = [layer.weight, layer.delay.position]
        grad = torch.randn_like(got)
        for a, b in zip(torch.autograd.grad(got, own, grad), torch.autograd.grad(wanted, own, grad), strict=True):
            torch.testing.assert_close(a, b)

    def test_without_delay_it_is_torch_s(self) -> None:
        layer, x = Conv2d(2, 4, 3), torch.rand(5, 2, 7, 6)
        layer.bind(Binding(1.0, 0, 0, "c"))
        assert torch.equal(layer(x), nn.functional.conv2d(x, layer.weight, layer.bias))

    def test_a_delay_of_each_input_channel_needs_one_group(self) -> None:
        with pytest.raises(ShapeError, match="groups=1"):
            Conv2d(2, 4, 3, groups=2, delay=1 * ms, per="pre")

    def test_groups_without_delay_are_torch_s(self) -> None:
        layer, x = Conv2d(4, 6, 3, groups=2), torch.rand(5, 4, 7, 6)
        assert torch.equal(layer(x), nn.functional.conv2d(x, layer.weight, layer.bias, groups=2))
