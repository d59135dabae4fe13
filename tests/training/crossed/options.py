"""Networks of the crossed tests: one for each option of transforms, cells and wiring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

import ranvier as rv
from ranvier.units import Hz, ms
from tests.training.crossed.circuits import CIRCUITS
from tests.training.crossed.parts import ROW, Make, current, level, readout

INT8 = rv.storages.Int8()
IMAGE, LINE, VOLUME, SMALL = (2, 5, 4), (2, 7), (1, 3, 3, 4), (2, 3, 2)


def spikes(shape: tuple[int, ...], steps: int = 11, batch: int = 2, density: float = 0.45) -> torch.Tensor:
    drawn = torch.rand(steps, batch, *shape, generator=torch.Generator().manual_seed(5))
    return (drawn < density).double()


def _strong(*modules: nn.Module, gain: float = 3.0) -> None:
    for module in modules:
        with torch.no_grad():
            module.weight.mul_(gain)


def _crossed(*modules: nn.Module) -> None:
    """As if training had moved weights across their bounds."""
    for module in modules:
        with torch.no_grad():
            module.weight.add_(0.3 * torch.randn(module.weight.shape, generator=torch.Generator().manual_seed(7)))


def lif(size: int | None = 6, **values: Any) -> rv.Cell:
    return rv.LIF(size, tau=6 * ms, **values)


def chain(*parts: Any, **how: Any) -> rv.Sequential:
    return rv.Sequential(*parts, dt=1 * ms, dtype=torch.float64, seed=3, **how)


def simple(
    first: Callable[[], nn.Module] = lambda: rv.Linear(5, 6), last: Callable[[], nn.Module] = lambda: rv.Linear(6, 3), cell: Callable[[], Any] = lif,
    ready: Callable[[nn.Module, nn.Module], None] = lambda first, last: None, between: tuple[nn.Module, ...] = (),
    middle: Callable[[], tuple[Any, ...]] = tuple,
) -> Make:  # fmt: skip
    """5 inputs, 6 cells, a read-out of 3."""

    def make(**how: Any) -> rv.Network:
        torch.manual_seed(0)
        one, two = first(), last()
        _strong(one)
        ready(one, two)
        return chain(one, *between, cell(), *middle(), two, readout(), **how)

    return make


def drawn_times(shape: tuple[int, ...], longest: float) -> Any:
    return np.random.default_rng(2).integers(0, int(longest) + 1, shape) * ms


def real_times(shape: tuple[int, ...], longest: float) -> Any:
    return rv.Learn(np.random.default_rng(2).uniform(0.2, longest - 0.2, shape) * ms, max=longest * ms)


def images(
    conv: Callable[[], nn.Module], after: tuple[nn.Module, ...], width: int, *, cell: Callable[[], Any] = lambda: lif(None),
    before: tuple[nn.Module, ...] = (),
) -> Make:  # fmt: skip
    """Images of 2 channels, a convolution, cells, a read-out."""

    def make(**how: Any) -> rv.Network:
        torch.manual_seed(0)
        one, two = conv(), rv.Linear(width, 3)
        _strong(one)
        if getattr(one, "sign", None) is not None:
            _crossed(one)
        return chain(*before, one, cell(), *after, nn.Flatten(), two, readout(), **how)

    return make


def normed(norm: Callable[[], nn.Module], training: bool) -> Make:
    def make(**how: Any) -> rv.Network:
        torch.manual_seed(0)
        one, two, scaled = rv.Linear(5, 6), rv.Linear(6, 3), norm()
        scaled.running_mean.copy_(torch.linspace(-0.2, 0.2, 6))
        scaled.running_var.copy_(torch.linspace(0.2, 0.6, 6))
        with torch.no_grad():
            scaled.weight.copy_(torch.linspace(0.8, 1.4, 6))
        net = chain(one, scaled, lif(), two, readout(), **how)
        return net if training else net.eval()

    return make


def rectified() -> rv.Cell:
    return rv.MembraneRectifier(lif(V_th=0.5, reset="v -= 1")).changed(name="rectified")


def relative() -> rv.Cell:
    cell = rv.RelativeThreshold(lif(V_th=rv.Learn(0.7)), surrogate=rv.surrogates.ArcTan(alpha=2.0))
    return cell.changed(name="relative")


def moving() -> rv.Cell:
    return rv.DynamicThreshold(lif(V_th=0.6), tau_theta=rv.Learn(4 * ms)).changed(name="moving")


def resonator(**how: Any) -> rv.Cell:
    return rv.ResonateAndFire(6, f=rv.Learn(np.linspace(20, 90, 6) * Hz), tau=rv.Learn(15 * ms), V_th=0.5, **how)


def space() -> rv.Cell:
    return rv.StateSpace(6, modes=2, tau=rv.Learn(4 * ms), V_th=0.3)


def legendre() -> rv.Cell:
    return rv.LegendreMemory(6, order=3, window=rv.Learn(9 * ms), V_th=0.2, emit="spike")


def membranes(training: bool) -> Make:
    def make(**how: Any) -> rv.Network:
        net = simple(cell=lambda: rv.MembraneNorm(lif(V_th=0.4)))(**how)
        norm = net.populations["lif1"].membrane_norm
        norm.running_mean.copy_(torch.linspace(-0.2, 0.2, 6))
        norm.running_var.copy_(torch.linspace(0.2, 0.6, 6))
        with torch.no_grad():
            norm.weight.copy_(torch.linspace(0.8, 1.4, 6))
        return net if training else net.eval()

    return make


def residual(join: str) -> Make:
    def make(**how: Any) -> rv.Network:
        torch.manual_seed(0)
        one, two, three = rv.Linear(5, 6), rv.Linear(6, 6), rv.Linear(6, 3)
        _strong(one, two)
        return chain(one, lif(), rv.Residual(two, lif(), join=join), three, readout(), **how)

    return make


def recurrent(back: Callable[[], nn.Module], cell: Callable[[], rv.Cell] = lif) -> Make:
    return simple(cell=lambda: rv.Recurrent(cell(), back()))


def balanced(weight: Any = 0.5, cell: Callable[[], rv.Cell] = lambda: lif(None), **more: Any) -> Make:
    """Excitatory and inhibitory cells of single synapses, of one kind, the first read out."""

    def make(**how: Any) -> rv.Network:
        torch.manual_seed(0)
        net = rv.Network(dt=1 * ms, dtype=torch.float64, seed=3, **how)
        x, kind = net.input("input", 5), cell()
        exc, inh = net.population("exc", 6, kind), net.population("inh", 3, kind)
        out = net.population("out", 3, readout(), output=True)
        learnt = rv.Learn(rv.Uniform(0.1, 0.9), min=0, max=1)
        net.connect(x, exc, rv.Linear(5, 6), to="x", name="into")
        net.connect(exc, inh, rv.FixedProbability(0.8), to="x", weight=learnt, sign=1, name="exc_inh", **more)
        net.connect(inh, exc, rv.AllToAll(), to="x", weight=rv.Learn(rv.Uniform(-0.5, -0.1)), sign=-1, name="inh_exc")
        last = rv.Linear(6, 3)
        net.connect(exc, out, last, to="x", name="read")
        _strong(net.projections["into"].chain[0], gain=4.0)
        _crossed(net.projections["exc_inh"].chain[0])
        return net

    return make


def synapses(**more: Any) -> Make:
    """Single synapses within bounds from the input onto cells that are the output."""

    def make(**how: Any) -> rv.Network:
        net = rv.Network(dt=1 * ms, dtype=torch.float64, seed=3, **how)
        source, out = net.input("input", 5), net.population("out", 3, lif(None), output=True)
        learnt = rv.Learn(rv.Uniform(0.1, 0.9), min=0, max=1)
        net.connect(source, out, rv.FixedProbability(0.8), to="x", weight=learnt, sign=1, name="into", **more)
        _crossed(net.projections["into"].chain[0])
        return net

    return make


def same_layer(**how: Any) -> rv.Network:
    """One transform in two places."""
    torch.manual_seed(0)
    one, two = rv.Linear(5, 5), rv.Linear(5, 3)
    _strong(one)
    return chain(one, lif(5), one, lif(5), two, readout(), **how)


def same_looped(**how: Any) -> rv.Network:
    """One transform with a delay per synapse forward and inside a recurrent part."""
    torch.manual_seed(0)
    one, two = rv.Linear(5, 5, delay=drawn_times((5, 5), 2)), rv.Linear(5, 3)
    _strong(one)
    return chain(one, rv.Recurrent(lif(5), one), two, readout(), **how)


def same_around(**how: Any) -> rv.Network:
    """One matrix forward and around."""
    torch.manual_seed(0)
    one, two = rv.Linear(5, 5), rv.Linear(5, 3)
    _strong(one)
    return chain(one, rv.Recurrent(lif(5), one), two, readout(), **how)


def same_cell_around(**how: Any) -> rv.Network:
    """One cell object with a learnable value in two recurrent layers."""
    torch.manual_seed(0)
    layers, cell = [rv.Linear(5, 6), rv.Linear(6, 6), rv.Linear(6, 6), rv.Linear(6, 6), rv.Linear(6, 3)], lif_learnt()
    _strong(*layers[:4])
    one, around, two, back, last = layers
    return chain(one, rv.Recurrent(cell, around), two, rv.Recurrent(cell, back), last, readout(), **how)


def same_cell(**how: Any) -> rv.Network:
    """One cell object with a learnable value in two places."""
    torch.manual_seed(0)
    layers, cell = [rv.Linear(5, 6), rv.Linear(6, 6), rv.Linear(6, 3)], lif_learnt()
    _strong(*layers[:2])
    return chain(layers[0], cell, layers[1], cell, layers[2], readout(), **how)


def frozen(what: str) -> Make:
    """The first layer without its weights, or without anything, to be learnt."""

    def make(**how: Any) -> rv.Network:
        net = simple(cell=lif_learnt)(**how)
        for name, q in net.projections["linear1"].chain[0].named_parameters():
            q.requires_grad_(what == "weights" and name == "bias")
        return net

    return make


def stored(make: Make, storage: rv.storages.Storage | None = None) -> Make:
    """The stored numbers of the weights alone."""
    return lambda **how: rv.store_weights(make(**how), storage)


def unlayered(**how: Any) -> rv.Network:
    torch.manual_seed(0)
    return chain(rv.Linear(5, 3), readout(), **how)


def dropped(**how: Any) -> rv.Network:
    return simple(between=(nn.Dropout(0.5),))(**how).eval()


def deep(**how: Any) -> rv.Network:
    torch.manual_seed(0)
    layers = [rv.Linear(5, 6), rv.Linear(6, 6), rv.Linear(6, 3)]
    _strong(*layers[:2])
    return chain(layers[0], lif(), layers[1], lif(), layers[2], readout(), **how)


def deep_signed(**how: Any) -> rv.Network:
    torch.manual_seed(0)
    layers = [rv.Linear(5, 6), rv.Linear(6, 6, sign=1), rv.Linear(6, 3, sign=[1, -1, 0, 1, -1, 1])]
    _strong(layers[0])
    _crossed(*layers[1:])
    return chain(layers[0], lif(), layers[1], lif(), layers[2], readout(), **how)


def lif_learnt() -> rv.Cell:
    return rv.LIF(6, tau=rv.Learn(6 * ms))


def lif_learnt_each() -> rv.Cell:
    return rv.LIF(6, tau=rv.Learn(np.linspace(4, 9, 6) * ms, min=3 * ms))


def lif_pushed() -> rv.Cell:
    return rv.LIF(6, tau=rv.Learn(6 * ms, min=4 * ms, max=8 * ms))


def _beyond(make: Make) -> Make:
    """A learnable time constant pushed beyond its bound."""

    def pushed(**how: Any) -> rv.Network:
        net = make(**how)
        with torch.no_grad():
            net.populations["lif1"].tau.fill_(9.5)
        return net

    return pushed


def tired() -> rv.Cell:
    return rv.Cell(
        "v' = exp(-dt/tau)*v + x : 1 (unless refractory)\nx : 1 (input)", threshold="v > V_th", reset="v -= V_th",
        refractory=2 * ms, tau=6 * ms, V_th=1.0, name="tired", size=6,
    )  # fmt: skip


def currents(
    first: Callable[[], nn.Module] = lambda: rv.Linear(5, 6), last: Callable[[], nn.Module] = lambda: rv.Linear(6, 3), loop: Any = None,
    deeper: bool = False, cell: Callable[[], rv.Cell] = current,
) -> Make:  # fmt: skip
    """Cells of synaptic currents, of one kind, for rules that differentiate times."""

    def make(**how: Any) -> rv.Network:
        torch.manual_seed(0)
        one, two, net = first(), last(), rv.Network(dt=1 * ms, dtype=torch.float64, seed=3, **how)
        _strong(one)
        for module in (one, two):
            if getattr(module, "sign", None) is not None:
                _crossed(module)
        source, kind = net.input("input", 5), cell()
        cells = net.population("cells", 6, kind)
        net.connect(source, cells, one, to="I", name="into")
        if loop:
            net.connect(cells, cells, loop(), to="I", name="loop")
        if deeper:
            middle, source = rv.Linear(6, 6), cells
            _strong(middle)
            cells = net.population("more", 6, kind)
            net.connect(source, cells, middle, to="I", name="onward")
        net.connect(cells, net.population("out", 3, level(), output=True), two, to="I", name="read")
        return net

    return make


#: by name: what makes the network, and the shape of its input
OPTIONS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "plain": (simple(), ROW),
    "two layers": (deep, ROW),
    "no bias": (simple(lambda: rv.Linear(5, 6, bias=False), lambda: rv.Linear(6, 3, bias=False)), ROW),
    "torch's Linear": (simple(lambda: nn.Linear(5, 6), lambda: nn.Linear(6, 3)), ROW),
    "hard reset": (simple(cell=lambda: lif(reset="v = 0")), ROW),
    "sign": (
        simple(lambda: rv.Linear(5, 6, sign=1), lambda: rv.Linear(6, 3, sign=[1, -1, 0, 1, -1, 1]), ready=_crossed), ROW,
    ),
    "sign, two layers": (deep_signed, ROW),
    "one delay": (simple(lambda: rv.Linear(5, 6, delay=2 * ms)), ROW),
    "one delay behind": (simple(last=lambda: rv.Linear(6, 3, delay=2 * ms)), ROW),
    "delay per synapse": (simple(lambda: rv.Linear(5, 6, delay=drawn_times((6, 5), 3))), ROW),
    "delay per synapse behind": (simple(last=lambda: rv.Linear(6, 3, delay=drawn_times((3, 6), 3))), ROW),
    "delay per synapse, sign": (
        simple(lambda: rv.Linear(5, 6, sign=1, delay=drawn_times((6, 5), 3)), ready=lambda a, b: _crossed(a)), ROW,
    ),
    "learnable delay": (simple(lambda: rv.Linear(5, 6, delay=real_times((6, 5), 3))), ROW),
    "learnable delay behind": (simple(last=lambda: rv.Linear(6, 3, delay=real_times((3, 6), 3))), ROW),
    "delay per input": (simple(lambda: rv.Linear(5, 6, delay=drawn_times((5,), 3), per="pre")), ROW),
    "learnable delay per output": (simple(lambda: rv.Linear(5, 6, delay=real_times((6, 1), 3), per="post")), ROW),
    "learnable delay, Gaussian": (
        simple(lambda: rv.Linear(
            5, 6, delay=real_times((6, 5), 3), interpolation="gaussian", width=rv.Learn(0.6 * ms))), ROW,
    ),
    "convolution, learnable delays": (
        images(lambda: rv.Conv2d(2, 3, 3, delay=real_times((3, 2, 3, 3), 2)), (), 18), IMAGE,
    ),
    "convolution": (images(lambda: rv.Conv2d(2, 3, 3), (), 18), IMAGE),
    "convolution, sign": (images(lambda: rv.Conv2d(2, 3, 3, sign=[1, -1]), (), 18), IMAGE),
    "convolution, groups": (images(lambda: rv.Conv2d(2, 4, 3, groups=2), (), 24), IMAGE),
    "convolution, delays": (images(lambda: rv.Conv2d(2, 3, 3, delay=drawn_times((3, 2, 3, 3), 2)), (), 18), IMAGE),
    "torch's convolution": (images(lambda: nn.Conv2d(2, 3, 3), (), 18), IMAGE),
    "convolution of a line": (images(lambda: rv.Conv1d(2, 3, 3, stride=2, sign=-1), (), 9), LINE),
    "convolution of a line, delays": (images(lambda: rv.Conv1d(2, 3, 3, delay=drawn_times((3, 2, 3), 2)), (), 15), LINE),
    "convolution of a volume": (images(lambda: rv.Conv3d(1, 2, 2, dilation=(1, 2, 1)), (), 12), VOLUME),
    "convolution of a volume, delays": (
        images(lambda: rv.Conv3d(1, 2, 2, padding=(0, 0, 1), delay=drawn_times((2, 1, 2, 2, 2), 2)), (), 40), VOLUME,
    ),
    "transposed convolution": (
        images(lambda: rv.ConvTranspose2d(2, 4, 2, stride=2, groups=2, sign=[1, -1]), (nn.AvgPool2d(2),), 24), SMALL,
    ),
    "transposed convolution, delays": (
        images(lambda: rv.ConvTranspose2d(2, 2, (3, 2), stride=(1, 2), padding=1, output_padding=(0, 1),
                                          delay=drawn_times((2, 2, 3, 2), 2)), (), 18), SMALL,
    ),
    "transposed convolution, learnable delays": (
        images(lambda: rv.ConvTranspose2d(2, 2, 2, delay=real_times((2, 2, 2, 2), 2)), (), 24), SMALL,
    ),
    "torch's convolution of a line": (images(lambda: nn.Conv1d(2, 3, 3), (), 15), LINE),
    "torch's transposed convolution": (images(lambda: nn.ConvTranspose2d(2, 3, 2, bias=False), (), 36), SMALL),
    "average pooling before": (
        images(lambda: rv.Conv2d(2, 3, 2), (), 18, before=(nn.AvgPool2d(2, 1, count_include_pad=False),)), IMAGE,
    ),
    "average pooling": (images(lambda: rv.Conv2d(2, 3, 2), (nn.AvgPool2d(2),), 6), IMAGE),
    "maximum pooling": (images(lambda: rv.Conv2d(2, 3, 2), (nn.MaxPool2d(2),), 6), IMAGE),
    "batch norm, settled": (normed(lambda: nn.BatchNorm1d(6), False), ROW),
    "threshold norm, settled": (normed(lambda: rv.ThresholdBatchNorm(6, V_th=0.8), False), ROW),
    "step norm": (normed(lambda: rv.StepBatchNorm(6, V_th=0.8), True), ROW),
    "membrane norm": (membranes(True), ROW),
    "membrane norm, settled": (membranes(False), ROW),
    "membrane rectifier": (simple(cell=rectified), ROW),
    "dynamic threshold": (simple(cell=moving), ROW),
    "relative threshold": (simple(cell=relative), ROW),
    "resonator": (simple(cell=resonator), ROW),
    "resonator without reset": (simple(cell=lambda: resonator(reset=None)), ROW),
    "sliding PSN": (simple(cell=lambda: rv.SlidingPSN(6, order=3, V_th=rv.Learn(0.4))), ROW),
    "state space": (simple(cell=space), ROW),
    "Legendre memory": (simple(cell=legendre), ROW),
    "residual": (residual("add"), ROW),
    "residual, and": (residual("and"), ROW),
    "recurrence": (recurrent(lambda: rv.Linear(6, 6)), ROW),
    "recurrence, sign": (recurrent(lambda: rv.Linear(6, 6, sign=-1)), ROW),
    "recurrence, one delay": (recurrent(lambda: rv.Linear(6, 6, delay=2 * ms)), ROW),
    "recurrence, delay per synapse": (recurrent(lambda: rv.Linear(6, 6, delay=drawn_times((6, 6), 2))), ROW),
    "recurrence, learnable tau": (recurrent(lambda: rv.Linear(6, 6), lif_learnt), ROW),
    "recurrence, learnable tau of each cell": (recurrent(lambda: rv.Linear(6, 6), lif_learnt_each), ROW),
    "recurrence, shared transform": (same_around, ROW),
    "recurrence, shared cell": (same_cell_around, ROW),
    "single synapses, bounds": (synapses(), ROW),
    "single synapses, delays": (synapses(delay=rv.Uniform(0 * ms, 3 * ms)), ROW),
    "populations, bounds": (balanced(), ROW),
    "populations, shared tau": (balanced(cell=lambda: rv.LIF(tau=rv.Learn(6 * ms))), ROW),
    "populations, delays": (balanced(delay=rv.Uniform(0 * ms, 3 * ms)), ROW),
    "populations, learnable delays": (balanced(delay=rv.Learn(rv.Uniform(0 * ms, 3 * ms), max=3 * ms)), ROW),
    "adaptive": (simple(cell=lambda: rv.ALIF(6, tau=6 * ms, tau_a=20 * ms, beta_a=0.7)), ROW),
    "refractory": (simple(cell=tired), ROW),
    "learnable tau": (simple(cell=lif_learnt), ROW),
    "learnable tau, beyond its bound": (_beyond(simple(cell=lif_pushed)), ROW),
    "learnable tau of each cell": (simple(cell=lif_learnt_each), ROW),
    "learnable threshold": (simple(cell=lambda: rv.LIF(6, tau=6 * ms, V_th=rv.Learn(0.9))), ROW),
    "learnable adaptation": (
        simple(cell=lambda: rv.ALIF(6, tau=rv.Learn(6 * ms), tau_a=rv.Learn(20 * ms), beta_a=0.7)), ROW,
    ),
    "frozen weights": (frozen("weights"), ROW),
    "frozen layer": (frozen("layer"), ROW),
    "no hidden cells": (unlayered, ROW),
    "dropout, settled": (dropped, ROW),
    "two transforms in a row": (simple(between=(rv.Linear(6, 6),)), ROW),
    "learnable start": (simple(cell=lambda: lif(v=rv.Learn(0.4))), ROW),
    "shared transform": (same_layer, ROW),
    "shared transform, delays": (same_looped, ROW),
    "shared cell": (same_cell, ROW),
    "int8": (simple(lambda: rv.Linear(5, 6, storage=INT8), lambda: rv.Linear(6, 3, storage=INT8)), ROW),
    "int8, sign": (
        simple(lambda: rv.Linear(5, 6, sign=1, storage=INT8), lambda: rv.Linear(6, 3, storage=INT8), ready=lambda a, b: _crossed(a)), ROW,
    ),
    "int8, delay per synapse": (simple(lambda: rv.Linear(5, 6, delay=drawn_times((6, 5), 3), storage=INT8)), ROW),
    "int8, learnable delay": (simple(lambda: rv.Linear(5, 6, delay=real_times((6, 5), 3), storage=INT8)), ROW),
    "int8, recurrence": (recurrent(lambda: rv.Linear(6, 6, storage=INT8)), ROW),
    "int8, convolution": (images(lambda: rv.Conv2d(2, 3, 3, storage=INT8), (), 18), IMAGE),
    "int8, transposed convolution": (images(lambda: rv.ConvTranspose2d(2, 2, 2, storage=INT8), (), 24), SMALL),
    "int8, single synapses, bounds": (synapses(storage=INT8), ROW),
    "bfloat16": (simple(lambda: rv.Linear(5, 6, storage=rv.storages.BFloat16())), ROW),
    "bfloat16, populations, delays": (balanced(delay=rv.Uniform(0 * ms, 3 * ms), storage=rv.storages.BFloat16()), ROW),
    "stored int8": (stored(simple(cell=lif_learnt), INT8), ROW),
    "stored int8, recurrence": (stored(recurrent(lambda: rv.Linear(6, 6)), INT8), ROW),
    "stored int8, convolution": (stored(images(lambda: rv.Conv2d(2, 3, 3), (), 18), INT8), IMAGE),
    "stored bfloat16, populations": (stored(balanced(), rv.storages.BFloat16()), ROW),
    "currents": (currents(), ROW),
    "currents, sign": (currents(lambda: rv.Linear(5, 6, sign=1), lambda: rv.Linear(6, 3, sign=[1, -1, 0, 1, -1, 1])), ROW),
    "currents, two layers": (currents(deeper=True), ROW),
    "currents, shared tau": (
        currents(loop=lambda: rv.Linear(6, 6), deeper=True, cell=lambda: current(tau_m=rv.Learn(8 * ms))), ROW,
    ),
    "currents, delays": (currents(lambda: rv.Linear(5, 6, delay=2 * ms), lambda: rv.Linear(6, 3, delay=1 * ms)), ROW),
    "currents, delay per synapse": (currents(last=lambda: rv.Linear(6, 3, delay=drawn_times((3, 6), 3))), ROW),
    "currents, recurrence": (currents(loop=lambda: rv.Linear(6, 6)), ROW),
    **CIRCUITS,
}  # fmt: skip
