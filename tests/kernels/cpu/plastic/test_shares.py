"""Copies of what synapses hold: zeros behind them, in memory that serves call after call."""

from __future__ import annotations

from itertools import pairwise

import torch

import ranvier as rv
from ranvier.kernels.cpu.host.buffers import buffer_stats
from ranvier.kernels.cpu.plastic.shares import followed_by_zeros
from ranvier.units import Hz, ms, mV


def test_zeros_follow_the_values_in_memory_that_was_used_before() -> None:
    for count in (0, 5, 400_000):
        followed_by_zeros(torch.full((count,), 7.0), 9).fill_(3.0)
        found = followed_by_zeros(torch.arange(float(count)), 9)
        assert torch.equal(found, torch.cat([torch.arange(float(count)), torch.zeros(9)]))


def test_runs_with_plastic_synapses_take_no_new_memory_for_weights() -> None:
    net = rv.Network(dt=0.1 * ms, seed=1)
    net.source("input", rv.Poisson(15 * Hz, 600))
    net.population("cells", 600, rv.Cell("dv/dt = -v/(10*ms) : mV", threshold="v > 5*mV", reset="v = 0*mV"))
    rule = rv.plasticity.STDP(tau_plus=20 * ms, tau_minus=20 * ms, A_plus=0.01 * mV, A_minus=-0.01 * mV, w_max=1 * mV)
    net.connect("input", "cells", rv.AllToAll(), to="v", weight=rv.Uniform(0 * mV, 1 * mV), plasticity=rule)
    state, misses, hits = None, [], []
    for _ in range(6):
        state = net.run(20 * ms, state).state
        misses.append(buffer_stats().misses)
        hits.append(buffer_stats().hits)
    assert misses[2:] == misses[2:3] * 4
    assert all(more >= fewer + 2 for fewer, more in pairwise(hits[1:]))
