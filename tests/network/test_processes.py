"""Networks among processes and threads, and what they cost when called again and again."""

from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import ranvier as rv
from ranvier.kernels.cpu.llvm.jit import KERNELS
from ranvier.units import ms, nA

ROOT = Path(__file__).resolve().parents[2]


def small(seed: int = 0) -> rv.Sequential:
    torch.manual_seed(seed)
    return rv.Sequential(
        rv.Linear(12, 40), rv.LIF(40), rv.Recurrent(rv.ALIF(40), rv.Linear(40, 40)), rv.LeakyReadout(40), dt=1 * ms
    )


class Encoded(Dataset):
    """Every item is the output of a network called inside the worker."""

    def __init__(self, net: rv.Network) -> None:
        self.net = net

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> torch.Tensor:
        x = (torch.rand(20, 1, 12, generator=torch.Generator().manual_seed(index)) < 0.3).float()
        with torch.no_grad():
            return self.net(x)[0][:, 0]


@pytest.mark.parametrize("workers", [1, 2])
def test_data_loader_workers_can_call_networks(workers: int) -> None:
    data = Encoded(small())
    expected = torch.stack([data[k] for k in range(6)])  # the pool and the kernels are in use before the fork
    loader = DataLoader(data, batch_size=2, num_workers=workers, multiprocessing_context="fork", timeout=60)
    assert torch.equal(torch.cat(list(loader)), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("threads", [1, 3])
def test_a_forked_child_computes_the_same(threads: int) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        net = small()
        x = (torch.rand(10, 300, 12) < 0.3).float()
        expected, _ = net(x)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            result = pool.apply_async(_sum_of_gradients, (net, x))
            assert result.get(timeout=60) == _sum_of_gradients(net, x)
        assert torch.equal(net(x)[0], expected)
    finally:
        torch.set_num_threads(before)


def _sum_of_gradients(net: rv.Network, x: torch.Tensor) -> float:
    torch.set_num_threads(1)
    net.zero_grad()
    net(x)[0].sum().backward()
    return float(sum(p.grad.double().abs().sum() for p in net.parameters()))


def test_threads_may_share_a_network() -> None:
    net, results = small(), {}
    inputs = [(torch.rand(15, 4, 12, generator=torch.Generator().manual_seed(k)) < 0.3).float() for k in range(8)]
    expected = [net(x)[0] for x in inputs]

    def work(k: int) -> None:
        results[k] = [net(inputs[k])[0] for _ in range(5)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(out, expected[k]) for k in range(8) for out in results[k])


def _resident() -> int:
    """Bytes of memory in use by this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
@pytest.mark.parametrize("backward", [False, True])
def test_memory_does_not_grow_with_calls(backward: bool) -> None:
    net = small()
    x = (torch.rand(20, 16, 12) < 0.3).float()

    def call(state: rv.State | None) -> rv.State:
        out, state = net(x, state)
        if backward:
            net.zero_grad()
            out.sum().backward()
        return state.detach()

    state = None
    for _ in range(50):
        state = call(state)
    gc.collect()
    objects, memory = len(gc.get_objects()), _resident()
    for _ in range(300):
        state = call(state)
    gc.collect()
    assert len(gc.get_objects()) - objects < 200
    assert _resident() - memory < 4 << 20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_does_not_grow_with_runs() -> None:
    net = rv.Network(dt=1 * ms)
    net.source("background", rv.Poisson(0.1 / ms, 50))
    net.population("cells", 200, rv.LIF())
    net.connect("background", "cells", rv.FixedProbability(0.2), to="v", weight=0.3)
    net.connect("cells", "cells", rv.FixedProbability(0.1), to="v", weight=0.01, delay=rv.Uniform(0 * ms, 5 * ms))
    state = None
    for _ in range(30):
        state = net.run(20 * ms, state, stream=0, record={"cells": ["spikes", "v"]}).state
    gc.collect()
    objects, memory = len(gc.get_objects()), _resident()
    for _ in range(300):
        state = net.run(20 * ms, state, stream=0, record={"cells": ["spikes", "v"]}).state
    gc.collect()
    assert len(gc.get_objects()) - objects < 200
    assert _resident() - memory < 4 << 20


class Compiled:
    """Names of the kernels compiled since it was made or cleared; row sums, which come in a few widths, are left out."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.first = len(KERNELS.compiled)

    @property
    def names(self) -> list[str]:
        return [n for n in KERNELS.compiled[self.first :] if not n.startswith("gather_")]


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """With an empty folder of kernels."""
    monkeypatch.setenv("RANVIER_CACHE", str(tmp_path))
    return Compiled()


class TestCompiling:
    """The structure is compiled, numbers and sizes are not."""

    def test_training_networks(self, compiled: Compiled) -> None:
        def use(hidden: int, steps: int, batch: int, tau: float, v_th: float) -> None:
            net = rv.Sequential(
                rv.Linear(7, hidden), rv.LIF(hidden, tau=rv.Learn(tau * ms), V_th=v_th), rv.Recurrent(rv.LIF(hidden), rv.Linear(hidden, hidden)),
                rv.Linear(hidden, 3, delay=rv.Uniform(0 * ms, tau * ms)), rv.LeakyReadout(3, tau=2 * tau * ms), dt=0.1 * tau * ms,
                surrogate=rv.surrogates.ArcTan(alpha=tau),
            )  # fmt: skip
            net((torch.rand(steps, batch, 7) < 0.2).float())[0].sum().backward()

        use(16, 5, 2, 10.0, 1.0)
        use(16, 1, 2, 10.0, 1.0)  # a series of one step, in which nothing comes back, has a structure of its own
        compiled.clear()
        for numbers in ((17, 1, 1, 3.0, 0.5), (9, 2, 1, 3.0, 0.5), (1, 30, 3, 20.0, 1.5), (33, 8, 16, 7.0, 1.0)):
            use(*numbers)
        assert compiled.names == []

    def test_circuits(self, compiled: Compiled) -> None:
        def use(cells: int, duration: float, weight: float, delay: float, seed: int) -> None:
            net = rv.Network(dt=0.5 * ms, seed=seed)
            net.population("a", cells, rv.CurrentLIF(I_e=rv.Uniform(0.3 * nA, 0.6 * nA), tau_m=5 * weight * ms))
            net.connect("a", "a", rv.FixedProbability(0.3), to="I", weight=weight * nA, delay=delay * ms)
            net.run(duration * ms, stream=0, record={"a": ["spikes"]})

        use(20, 10, 1.0, 1.0, 0)
        compiled.clear()
        for numbers in ((7, 1, 2.0, 0.0, 1), (57, 40, 0.5, 9.0, 2)):
            use(*numbers)
        assert compiled.names == []


def test_importing_is_quick() -> None:
    """Everything of ours together takes less time than the libraries that it imports."""
    code = "import ranvier; [getattr(ranvier, n) for n in ranvier.__all__]"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    own = others = 0
    for line in done.stderr.splitlines():
        part = line.removeprefix("import time:").split("|")
        if len(part) == 3 and part[0].strip().isdigit():
            ours = part[2].strip().split(".")[0] == "ranvier"
            own, others = own + int(part[0]) * ours, others + int(part[0]) * (not ours)
    assert 0 < own < others, f"{own / 1e6:.2f} s, the libraries {others / 1e6:.2f} s"
