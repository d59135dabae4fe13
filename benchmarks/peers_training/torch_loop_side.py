"""Hand-written eager torch loop, as a careful user would write it: `unbind(0)`, one autograd function for the spike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.training import _cells
from benchmarks.training import _torch_tasks as tasks
from benchmarks.training._formula import BETA, Formula
from benchmarks.training._small import SMALL

PACKAGES = ("torch",)


class ArcTan(torch.autograd.Function):
    """Heaviside step of v - 1, derivative 1 / (1 + (pi (v - 1))^2)."""

    @staticmethod
    def forward(ctx: Any, v: Tensor) -> Tensor:
        ctx.save_for_backward(v)
        return (v >= 1.0).to(v.dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors
        return upstream / ((v - 1.0).mul_(math.pi).square_().add_(1.0))


def lif(x: Tensor, feedback: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """Spikes [T, B, …] for the drive `x`; `feedback` maps the last spikes to an extra drive."""
    steps = x.unbind(0)
    v = torch.zeros_like(steps[0])
    s = torch.zeros_like(v)
    spikes = []
    for x_t in steps:
        v = torch.add(x_t, v, alpha=BETA)
        if feedback is not None:
            v = v + feedback(s)
        s = ArcTan.apply(v)
        v = v - s.detach()
        spikes.append(s)
    return torch.stack(spikes)


def cuba(x: Tensor) -> Tensor:
    """Spikes of the current-based cell."""
    steps = x.unbind(0)
    v = i = torch.zeros_like(steps[0])
    spikes = []
    for x_t in steps:
        i = torch.add(x_t, i, alpha=_cells.SYNAPSE_DECAY)
        v = torch.add(i, v, alpha=BETA)
        s = ArcTan.apply(v)
        v = v - s.detach()
        spikes.append(s)
    return torch.stack(spikes)


def adex(x: Tensor) -> Tensor:
    """Spikes of the AdEx cell."""
    steps = x.unbind(0)
    v = i = w = torch.zeros_like(steps[0])
    spikes = []
    for x_t in steps:
        v, i, w = _cells.adex_advance(torch, v, i, w, x_t)
        s = ArcTan.apply(v)
        kick = s.detach()
        v, w = v * (1.0 - kick), torch.add(w, kick, alpha=_cells.ADEX_JUMP)
        spikes.append(s)
    return torch.stack(spikes)


def hodgkin_huxley(x: Tensor) -> Tensor:
    """Voltage trace of the Hodgkin-Huxley cell."""
    steps = x.unbind(0)
    state = tuple(torch.full_like(steps[0], value) for value in _cells.HH_REST)
    trace = []
    for x_t in steps:
        state = _cells.hodgkin_huxley_step(torch, state, x_t)
        trace.append(state[0])
    return torch.stack(trace)


def mean_leaky(x: Tensor) -> Tensor:
    """Mean over time of v = 0.9 v + x."""
    v = 0.0
    trace = []
    for x_t in x.unbind(0):
        v = x_t + BETA * v
        trace.append(v)
    return torch.stack(trace).mean(0)


class Feedforward(nn.Module):
    """700-256-256-20."""

    def __init__(self, inputs: Arrays) -> None:
        super().__init__()
        self.layers = nn.ModuleList(tasks.linear(inputs[name]) for name in ("w1", "w2", "w3"))

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        first = lif(self.layers[0](x))
        second = lif(self.layers[1](first))
        return mean_leaky(self.layers[2](second)), [first, second]

    def forward(self, x: Tensor) -> Tensor:
        return self.observe(x)[0]

    def weights(self) -> dict[str, nn.Parameter]:
        return {f"w{i}": layer.weight for i, layer in enumerate(self.layers, 1)}


class Recurrent(Feedforward):
    """700-R256-20."""

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        hidden = lif(self.layers[0](x), feedback=self.layers[1])
        return mean_leaky(self.layers[2](hidden)), [hidden]


class Convolutional(nn.Module):
    """conv32-pool-conv64-pool-10; time and batch are merged for everything but the neurons."""

    def __init__(self, inputs: Arrays) -> None:
        super().__init__()
        layers = [tasks.conv(inputs["w1"]), tasks.conv(inputs["w2"]), tasks.linear(inputs["w3"])]
        self.layers = nn.ModuleList(layers)
        self.pool = nn.MaxPool2d(2)

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        folded = x.shape[:2]
        first = lif(self.layers[0](x.flatten(0, 1)).unflatten(0, folded))
        second = lif(self.layers[1](self.pool(first.flatten(0, 1))).unflatten(0, folded))
        logits = self.layers[2](self.pool(second.flatten(0, 1)).flatten(1))
        return logits.unflatten(0, folded).mean(0), [first, second]

    def forward(self, x: Tensor) -> Tensor:
        return self.observe(x)[0]

    def weights(self) -> dict[str, nn.Parameter]:
        return {f"w{i}": layer.weight for i, layer in enumerate(self.layers, 1)}


class Shallow(Feedforward):
    """One hidden layer."""

    def __init__(self, inputs: Arrays) -> None:
        nn.Module.__init__(self)
        self.layers = nn.ModuleList(tasks.linear(inputs[name]) for name in ("w1", "w2"))

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        hidden = lif(self.layers[0](x))
        return mean_leaky(self.layers[1](hidden)), [hidden]


class ShallowConvolutional(Shallow):
    """conv-pool-10."""

    def __init__(self, inputs: Arrays) -> None:
        nn.Module.__init__(self)
        self.layers = nn.ModuleList([tasks.conv(inputs["w1"]), tasks.linear(inputs["w2"])])
        self.pool = nn.MaxPool2d(2)

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        folded = x.shape[:2]
        hidden = lif(self.layers[0](x.flatten(0, 1)).unflatten(0, folded))
        logits = self.layers[1](self.pool(hidden.flatten(0, 1)).flatten(1))
        return logits.unflatten(0, folded).mean(0), [hidden]


SCANS = {
    "lif_scan": lif,
    "lif_scan_sum": lif,
    "cuba_scan": cuba,
    "adex_scan": adex,
    "hodgkin_huxley_scan": hodgkin_huxley,
}
NETWORKS = {"shd_feedforward": Feedforward, "shd_recurrent": Recurrent, "nmnist_conv": Convolutional}
NETWORKS |= {name: ShallowConvolutional if small.side else Shallow for name, small in SMALL.items()}


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench in SCANS:
        output = "v" if bench == "hodgkin_huxley_scan" else "spikes"
        summed = bench.endswith("sum")
        return tasks.ScanTask(SCANS[bench], inputs, Formula().as_dict(), summed=summed, output=output)
    if bench in NETWORKS:
        return tasks.NetworkTask(NETWORKS[bench](inputs), inputs, Formula())
    raise NotOffered(f"no hand-written loop for {bench}")
