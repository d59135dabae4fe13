"""Narrower vectors on request: the same results, and a named error for anything else."""

import os
import subprocess
import sys

import pytest

from ranvier.kernels.cpu.llvm.processor import has_feature

_SCRIPT = """
import hashlib
import torch
import ranvier as rv
from ranvier.kernels.cpu.llvm.processor import has_feature
from ranvier.units import Hz, ms, mV

cell = rv.Cell("dv/dt = (E - v + g)/tau : mV (unless refractory)\\ndg/dt = -g/tau_s : mV", threshold="v > -50*mV", reset="v = -60*mV",
               refractory=2*ms, E=-49*mV, tau=20*ms, tau_s=5*ms, v=rv.Uniform(-60*mV, -50*mV))
parts, fired = [], 0
for dtype in (torch.float32, torch.float64):
    net = rv.Network(dt=0.1*ms, seed=1, dtype=dtype)
    net.population("cells", 300, cell)
    net.source("trains", rv.Poisson(500*Hz, 300, trains=40))
    net.connect("trains", "cells", rv.OneToOne(), to="g", weight=0.3*mV, delay=1*ms)
    net.source("senders", rv.Poisson(90*Hz, 200))
    net.connect("senders", "cells", rv.FixedProbability(0.1), to="g", weight=0.4*mV, plasticity=rv.plasticity.STDP(
        tau_plus=20*ms, tau_minus=20*ms, A_plus=0.01*mV, A_minus=0.01*mV, w_max=1*mV))
    net.connect("cells", "cells", rv.FixedProbability(0.1), to="g", weight=rv.Normal(0.5*mV, 0.1*mV), delay=rv.Uniform(0*ms, 3*ms))
    run = net.run(50*ms, stream=0, record={"cells": ["spikes", "v"]})
    parts += [run["cells"].spikes.cell, run["cells"].v]
    parts.append(net.sources["senders"].draw(0, 40, net.graph, 0, 2).numpy())
    fired += len(run["cells"].spikes)
torch.manual_seed(0)
layers = rv.Sequential(rv.Linear(40, 70), rv.LIF(70), rv.Linear(70, 5), rv.LeakyReadout(5, tau=5*ms), dt=1*ms)
out, _ = layers((torch.rand(12, 3, 40) < 0.4).float())
out.sum().backward()
parts.append(out.detach().numpy())
print(has_feature("avx512f"), fired, hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest())
"""


def _run(bits: str, folder: str) -> "subprocess.CompletedProcess[str]":
    given = {**os.environ, "RANVIER_VECTOR_BITS": bits, "RANVIER_CACHE": folder}
    return subprocess.run([sys.executable, "-c", _SCRIPT], env=given, capture_output=True, text=True)


@pytest.mark.skipif(not has_feature("avx512f"), reason="this processor has no vectors of 512 bits to leave unused")
def test_results_do_not_depend_on_the_width_of_vectors(tmp_path):
    wide, narrow = (_run(bits, str(tmp_path)).stdout.split() for bits in ("512", "256"))
    assert (wide[0], narrow[0]) == ("True", "False")
    assert int(wide[1]) > 100
    assert wide[1:] == narrow[1:]


def test_another_width_is_refused_by_name(tmp_path):
    failed = _run("128", str(tmp_path))
    assert "RANVIER_VECTOR_BITS='128' is neither 256 nor 512" in failed.stderr


def test_unknown_features_are_absent():
    assert not has_feature("warp-drive")
