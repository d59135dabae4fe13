"""Every encoder against what it promises, for any values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ranvier import encoding
from ranvier.errors import RanvierError, ShapeError
from ranvier.units import Hz, ms

SHARES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=8).map(lambda v: torch.tensor([v]))
SIGNAL = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=40).map(
    lambda v: torch.tensor(v).double()[:, None]
)


def seed(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@given(SHARES)
def test_bernoulli_rates_lie_within_binomial_bounds(x: torch.Tensor) -> None:
    spikes = encoding.bernoulli(x, 2000, generator=seed())
    assert set(spikes.unique().tolist()) <= {0.0, 1.0}
    assert ((spikes.mean(0) - x).abs() <= 5 * (x * (1 - x) / 2000).sqrt() + 1e-6).all()


def test_bernoulli_of_certainties_and_seeds() -> None:
    x = torch.tensor([[0.0, 1.0, 0.5]])
    spikes = encoding.bernoulli(x, 50, generator=seed())
    assert spikes[:, 0, 0].sum() == 0
    assert spikes[:, 0, 1].sum() == 50
    assert torch.equal(spikes, encoding.bernoulli(x, 50, generator=seed()))


def test_poisson_mean_and_variance_are_rate_times_time() -> None:
    count = encoding.poisson(torch.full((500,), 200.0) * Hz, 200, 2 * ms, generator=seed())
    assert count.shape == (200, 500)
    assert float(count.mean()) == pytest.approx(0.4, rel=0.02)
    assert float(count.var()) == pytest.approx(0.4, rel=0.03)


@given(SHARES, st.integers(2, 40))
def test_latency_is_monotone_and_one_spike_each(x: torch.Tensor, steps: int) -> None:
    spikes = encoding.latency(x, steps)
    assert torch.equal(spikes.sum(0), (x > 0).float())
    time = spikes.argmax(0)[0]
    order = x[0].argsort(descending=True)
    fires = x[0][order] > 0
    assert (time[order][fires].diff() >= 0).all()
    error = ((1 - x[0]) * (steps - 1) - time).abs()[x[0] > 0]
    assert (error <= 0.5 + 1e-4).all()


def test_latency_of_an_integrator_is_its_charging_time() -> None:
    x, tau, threshold = torch.tensor([[1.0, 0.6, 0.3]], dtype=torch.float64), 10.0, 0.2
    v, time = np.zeros(3), np.full(3, -1)
    fine = 1000
    for step in range(30 * fine):
        v += (x[0].numpy() - v) / (tau * fine)
        time[(v >= threshold) & (time < 0)] = step
    expected = np.rint(time / fine)
    np.testing.assert_array_equal(encoding.latency(x, 40, threshold=threshold, tau=tau).argmax(0)[0], expected)


@given(SHARES, st.integers(2, 40))
def test_undo_latency_knows_the_value_within_half_a_step(x: torch.Tensor, steps: int) -> None:
    said = encoding.undo_latency(encoding.latency(x, steps))
    assert ((said - x).abs() <= 0.5 / (steps - 1) + 1e-6).all()
    assert (said[x == 0] == 0).all()


def test_undo_latency_of_an_integrator() -> None:
    x, how = torch.tensor([[1.0, 0.5, 0.25, 0.1]], dtype=torch.float64), {"threshold": 0.2, "tau": 100.0}
    said = encoding.undo_latency(encoding.latency(x, 1000, **how), **how)
    torch.testing.assert_close(said, torch.tensor([[1.0, 0.5, 0.25, 0.0]], dtype=torch.float64), rtol=0.01, atol=0)
    at_once = encoding.undo_latency(torch.ones(3, 1, 2), **how)
    assert torch.equal(at_once, torch.ones(1, 2))


def test_undo_latency_needs_the_settings_of_an_encoder() -> None:
    with pytest.raises(RanvierError, match=r"threshold=0.0, tau=5"):
        encoding.undo_latency(torch.zeros(3, 1), tau=5.0)


@given(SHARES, st.integers(1, 12))
def test_phase_says_the_value_within_its_bits(x: torch.Tensor, bits: int) -> None:
    spikes = encoding.phase(x, 2 * bits, bits=bits)
    said = (spikes * encoding.phase_weights(2 * bits, bits=bits)[:, None, None]).unflatten(0, (2, bits)).sum(1)
    assert ((said - x).abs() <= 2.0**-bits + 1e-6).all()


@given(SHARES, st.integers(1, 6), st.integers(1, 4))
def test_burst_counts_and_intervals(x: torch.Tensor, spikes: int, shortest: int) -> None:
    longest = shortest + 3
    out = encoding.burst(x, spikes * longest + 1, spikes=spikes, shortest=shortest, longest=longest)
    assert torch.equal(out.sum(0), torch.ceil(spikes * x))
    for value, train in zip(x[0], out[:, 0].T, strict=True):
        gaps = train.nonzero()[:, 0].diff()
        assert (gaps == torch.ceil(longest - 3 * value)).all()


@given(SIGNAL, st.floats(0.01, 20))
def test_delta_knows_the_signal_within_a_threshold(x: torch.Tensor, threshold: float) -> None:
    spikes = encoding.delta(x, threshold)
    known = encoding.undo_delta(spikes, threshold, x[0])
    assert ((known - x).abs() < threshold * (1 + 1e-9) + 1e-9).all()
    assert (spikes >= 0).all()
    assert (spikes.prod(-1) == 0).all()  # never up and down at once


def test_delta_takes_a_start_and_thresholds_per_channel() -> None:
    x = torch.tensor([[[1.0, 1.0]]])
    assert encoding.delta(x, torch.tensor([0.3, 0.6]), start=0.0)[0, 0].tolist() == [[3.0, 0.0], [1.0, 0.0]]


def test_delta_against_the_previous_value() -> None:
    x = torch.tensor([0.0, 1, 0, 2, 8, -20, 20, -5, 0, 1, 0])[:, None]
    up, down = encoding.delta(x, 4, start=0.0, against="previous")[:, 0].unbind(-1)
    assert up.tolist() == [0, 0, 0, 0, 1, 0, 10, 0, 1, 0, 0]
    assert down.tolist() == [0, 0, 0, 0, 0, 7, 0, 6, 0, 0, 0]
    slow = torch.linspace(0, 10, 21)[:, None]
    assert encoding.delta(slow, 1.0, against="previous").sum() == 0
    assert encoding.delta(slow, 1.0).sum() == 10
    assert encoding.delta(torch.ones(2, 1), 1.0, start=0.0, against="previous")[:, 0, 0].tolist() == [1, 0]
    with pytest.raises(RanvierError, match="against='last'"):
        encoding.delta(slow, 1.0, against="last")


@given(SHARES, st.integers(3, 12))
def test_population_prefers_the_nearest_field(x: torch.Tensor, cells: int) -> None:
    a = encoding.receptive_fields(x, cells)
    centre = (torch.arange(1, cells + 1) - 1.5) / (cells - 2)
    nearest = (x[..., None] - centre).abs()
    assert torch.allclose(
        nearest.gather(-1, a.argmax(-1, keepdim=True)), nearest.min(-1, keepdim=True).values, atol=1e-5
    )
    spikes = encoding.population(x, cells, 20, cutoff=0.1)
    assert torch.equal(spikes.sum(0), (a > 0.1).float())


def test_saccades_show_the_image_moved() -> None:
    image = torch.rand(2, 9, 9, generator=seed())
    frames = encoding.saccades(image, 5, path=[(0, 0), (4, 0), (4, 4)])
    assert frames.shape == (5, 2, 17, 17)
    assert torch.equal(frames[0, :, 4:13, 4:13], image)
    assert torch.allclose(frames[2, :, 4:13, 0:9], image)  # gaze 4 to the right: the image 4 to the left
    assert torch.allclose(frames[4, :, 0:9, 0:9], image)
    half = encoding.saccades(image, 3, path=[(0, 0), (1, 0)])[1]
    assert torch.allclose(half[:, 1:10, 1:9], (image[:, :, :-1] + image[:, :, 1:]) / 2)


def test_a_quiet_camera_sends_log_steps() -> None:
    light = torch.full((3, 1, 2, 2), 0.2)
    light[1:, 0, 0, 0] = 0.8  # ln 4 = 1.386: six thresholds of 0.2
    light[2, 0, 1, 1] = 0.1  # ln 1/2 = -0.69: three
    camera = encoding.EventCamera(on=0.2, off=0.2, spread=0, leak=0 * Hz)
    events = camera(light, 1 * ms)
    assert events[0].sum() == 0
    assert events[1, 0, 0].flatten().tolist() == [6, 0, 0, 0]
    assert events[2, 0, 1].flatten().tolist() == [0, 0, 0, 3]
    assert events.sum() == 9
    slow = encoding.EventCamera(on=0.2, off=0.2, spread=0, leak=0 * Hz, cutoff=60 * Hz)(light, 1 * ms)
    assert 0 < slow[1].sum() < 6


def test_camera_noise_leak_and_blindness() -> None:
    dark = torch.zeros(1000, 1, 10, 10)
    leak = encoding.EventCamera(spread=0, leak=5 * Hz)(dark, 1 * ms)
    assert leak[:, :, 0].sum() / 100 == pytest.approx(5, abs=1)
    assert leak[:, :, 1].sum() == 0
    shot = encoding.EventCamera(spread=0, leak=0 * Hz, shot=20 * Hz)
    noise = shot(dark, 1 * ms, generator=seed())
    assert torch.equal(noise, shot(dark, 1 * ms, generator=seed()))
    assert noise.sum() / 100 == pytest.approx(20, rel=0.1)
    blind = encoding.EventCamera(spread=0, shot=500 * Hz, refractory=10 * ms)(dark, 1 * ms, generator=seed())
    any_sign = blind.amax(2)[:, 0].flatten(1)
    assert any_sign.unfold(0, 11, 1).sum(-1).max() == 1
    uneven = encoding.EventCamera(spread=0.05)._thresholds(0.2, dark[0], seed())
    assert 0.03 < float(uneven.std()) < 0.07


def test_learned_thresholds_learn_to_tell_the_signal() -> None:
    encoder = encoding.ThresholdAdaptive(3, cells=4, window=5, generator=seed())
    x = torch.randn(60, 16, 3, generator=seed()).cumsum(0) / 5
    learner = torch.optim.Adam(encoder.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        loss = encoder.regulariser(x, encoder(x))
        learner.zero_grad()
        loss.backward()
        learner.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    spikes = encoder(x)
    assert spikes.shape == (60, 16, 12)
    assert set(spikes.unique().tolist()) <= {0.0, 1.0}
    assert (encoder.threshold > 0).all()


def test_learned_thresholds_see_no_future() -> None:
    encoder, x = encoding.ThresholdAdaptive(2, generator=seed()), torch.randn(30, 4, 2, generator=seed())
    later = x.clone()
    later[20:] = 9
    assert torch.equal(encoder(x)[:20], encoder(later)[:20])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: encoding.bernoulli(torch.tensor([1.5]), 3), "scale it to 0"),
        (lambda: encoding.bernoulli(torch.tensor([0.5]), 0), "steps=0"),
        (lambda: encoding.bernoulli(torch.tensor([float("nan")]), 3), "NaN"),
        (lambda: encoding.bernoulli(torch.tensor([0.5 + 1j]), 3), "real numbers"),
        (lambda: encoding.poisson(torch.tensor([-1.0]) * Hz, 3), "at least 0"),
        (lambda: encoding.latency(torch.tensor([0.5]), 5, tau=3.0), "both above 0"),
        (lambda: encoding.phase(torch.tensor([0.5]), 5, bits=25), "from 1 to 24"),
        (lambda: encoding.burst(torch.tensor([0.5]), 5, shortest=3, longest=2), "shortest"),
        (lambda: encoding.delta(torch.zeros(3, 1), 0.0), "above 0"),
        (lambda: encoding.delta(torch.zeros(3), 1.0), r"\[T, B"),
        (lambda: encoding.undo_delta(torch.zeros(3, 1), 1.0, 0.0), "up and down"),
        (lambda: encoding.receptive_fields(torch.zeros(3), 2), "at least 3"),
        (lambda: encoding.receptive_fields(torch.zeros(3), 5, low=1.0), "low < high"),
        (lambda: encoding.saccades(torch.zeros(3, 3), 5), "at least two corners"),
        (lambda: encoding.saccades(torch.zeros(1, 28, 28), 10**9), r"1,000,000,000 frames of 1 images needs .*fewer steps"),
        (lambda: encoding.saccades(torch.zeros(1, 28, 28), 5, margin=10**7), "of memory.*a smaller margin"),
        (lambda: encoding.EventCamera(on=0.0), "above 0"),
        (lambda: encoding.EventCamera(shot=-1 * Hz), "at least 0"),
        (lambda: encoding.EventCamera()(torch.zeros(3, 4, 4)), r"\[T, B, H, W\]"),
        (lambda: encoding.EventCamera()(torch.full((3, 1, 4, 4), 2.0)), "scale it"),
        (lambda: encoding.ThresholdAdaptive(0), "at least one channel"),
        (lambda: encoding.ThresholdAdaptive(2)(torch.zeros(5, 1, 3)), r"\[T, B, 2\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(call, match: str) -> None:
    with pytest.raises((RanvierError, ShapeError), match=match):
        call()
