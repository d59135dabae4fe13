"""Some coefficients alone are those among all."""

from __future__ import annotations

import torch

import ranvier as rv
from ranvier.kernels import eager
from ranvier.units import ms


def test_some_coefficients_are_those_among_all() -> None:
    net = rv.Sequential(rv.Linear(3, 4), rv.LIF(4, tau=rv.Learn([2 * ms, 3 * ms, 5 * ms, 7 * ms])), dt=1 * ms)
    step, values = net.graph.step("lif1"), net.populations["lif1"].values()
    every = eager.coefficients(step, values, 1.0)
    for names in ([n] for n in step.coefficients):
        some = eager.some_coefficients(step, names, 1.0)
        assert some is not None
        reads, compute = some
        found = compute({n: values[n] for n in reads})
        assert [*found] == names
        assert torch.equal(found[names[0]], every[names[0]])
        assert found[names[0]].dtype == torch.float64
        assert found[names[0]].requires_grad is every[names[0]].requires_grad
    assert eager.some_coefficients(step, ["another"], 1.0) is None
