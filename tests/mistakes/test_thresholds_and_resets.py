"""Words of other libraries for thresholds, resets and surrogates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier.compat import norse, sinabs, snntorch, spikingjelly
from ranvier.errors import RanvierError
from ranvier.units import ms

RESETS = r'reset="v -= V_th" \(subtract\), reset="v = 0" \(to zero\) or reset=None \(none\)'


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rv.LIF(3, threshold=1.0), r"write V_th=1\.0"),
        (lambda: rv.LIF(3, v_threshold=1.0), r"write V_th=1\.0"),
        (lambda: rv.LIF(3, learn_threshold=True), r"V_th=rv\.Learn\(1\.0\)"),
        (lambda: rv.LIF(3, reset="zero"), RESETS),
        (lambda: rv.LIF(3, reset_mechanism="zero"), RESETS),
        (lambda: rv.LIF(3, v_reset=None), RESETS),
        (lambda: rv.LIF(3, v_reset=0.0), RESETS),
        (lambda: rv.LIF(3, detach_reset=True), r'reset_gradient="detached"'),
        (lambda: rv.LIF(3, reset_delay=True), r"rv\.compat\.snntorch\.Leaky\(beta=0\.9\)"),
        (lambda: rv.LIF(3, spike_grad="atan"), r"surrogate=, with one of rv\.surrogates"),
        (lambda: rv.LIF(3, surrogate=rv.surrogates.ArcTan), r"such as rv\.surrogates\.ArcTan\(\)"),
        (lambda: snntorch.Leaky(0.9, reset_mechanism="soft"), "must be one of 'subtract', 'zero', 'none'"),
        (lambda: snntorch.Leaky(0.9, reset_delay="no"), "reset_delay"),
        (lambda: snntorch.RSynaptic(0.8, 0.9, linear_features=3, reset_delay=False), "NameError; leave it out"),
        (lambda: snntorch.RLeaky(0.9), "give linear_features, or conv2d_channels and kernel_size, or all_to_all=False"),
        (lambda: snntorch.RLeaky(0.9, all_to_all=False, linear_features=3), "leave out the sizes"),
        (lambda: snntorch.Leaky(0.9, spike_grad=torch.sigmoid), r"fast_sigmoid\(slope=25\) is rv\.surrogates\.FastSigmoid\(alpha=25\)"),
        (lambda: snntorch.Leaky(0.9, inhibition=True), r"rv\.Recurrent\(cell, rv\.Linear\(n, n\)\)"),
        (lambda: snntorch.Leaky(0.9, graded_spikes_factor=2.0), "scale the weights that read the spikes"),
        (lambda: spikingjelly.IFNode(surrogate_function=torch.sigmoid), r"ATan\(alpha=2\.0\) is rv\.surrogates\.ArcTan"),
        (lambda: spikingjelly.QIFNode(v_reset=2.0), "v_reset=2.0 must be below v_threshold=1.0"),
        (lambda: norse.LIF(norse.LIFParameters(method="adjoint")), "method='adjoint' has no counterpart here"),
        (lambda: norse.LIFBox(norse.LIFBoxParameters(reset_method="soft")), "must be one of 'reset_value', 'reset_subtract'"),
        (lambda: sinabs.LIF(10.0, spike_fn="MaxSpike"), "must be one of 'MultiSpike', 'SingleSpike'"),
        (lambda: sinabs.ALIF(10.0, 50.0, min_v_mem=0.0), "only spike_fn='SingleSpike'"),
    ],
)  # fmt: skip
def test_the_error_says_what_to_write(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RanvierError, match=message):
        make()


def test_a_wrong_gradient_of_the_reset_lists_the_words() -> None:
    net = rv.Sequential(rv.LIF(3), dt=1 * ms)
    with pytest.raises(RanvierError, match="'auto', 'surrogate', 'detached', 'level' or 'times'"):
        net(torch.rand(5, 2, 3), reset="detach")


@pytest.mark.parametrize("word", ["init_hidden", "output"])
def test_where_the_state_lives_is_taken_from_snntorch_and_explained_elsewhere(word: str) -> None:
    assert isinstance(snntorch.Leaky(0.9, **{word: True}), rv.Cell)
    with pytest.raises(RanvierError, match=r"out, state = net\(x, state\)"):
        rv.LIF(3, **{word: True})
