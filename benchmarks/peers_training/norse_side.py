"""Norse: box cells (no synaptic current) in a loop over `unbind(0)`; `Lift` would index and cost O(T^2) backward.

The library's Euler step is v + 0.1 (x - v), so inputs and weights are ten times the bench's; its reset takes any
callable, so one without gradient is passed; arctan is not among its surrogates, so SuperSpike, 1 / (1 + |v - 1|)^2, is
used and compared with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import norse.torch as norse
import torch
from norse.torch.functional.leaky_integrator_box import LIBoxParameters
from norse.torch.functional.lif import LIFFeedForwardState, LIFParameters, lif_feed_forward_integral
from norse.torch.functional.lif_adex import LIFAdExParameters
from norse.torch.functional.lif_box import LIFBoxParameters
from norse.torch.module.leaky_integrator_box import LIBoxCell
from torch import Tensor, nn

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.training import _cells
from benchmarks.training import _torch_tasks as tasks
from benchmarks.training._formula import Formula

PACKAGES = ("norse", "torch")
CUBA_NOTE = "lif_feed_forward_integral, input x 10, SuperSpike."
ADEX_NOTE = "LIFAdExCell, SuperSpike."
GAIN = 10.0
RATE = torch.as_tensor(1.0 / 10e-3)
SCALES = dict.fromkeys(("w1", "w2", "w3"), GAIN)
FORMULA = Formula(surrogate="superspike")
NOTES = ("LIFBoxCell(tau_mem=10 ms, dt=1 ms), weights x 10, SuperSpike because arctan is not offered.",)


def _soft_reset(z: Tensor, v: Tensor, reset: Tensor, threshold: Tensor) -> Tensor:
    return v - z.detach() * threshold


def lif() -> norse.LIFBoxCell:
    """The box cell with soft, detached reset."""
    return norse.LIFBoxCell(LIFBoxParameters(tau_mem_inv=RATE, method="super", reset_method=_soft_reset))


def unroll(cell: nn.Module, x: Tensor) -> Tensor:
    """Outputs of a cell over time, [T, B, …]."""
    state, outputs = None, []
    for x_t in x.unbind(0):
        out, state = cell(x_t, state)
        outputs.append(out)
    return torch.stack(outputs)


class _Network(nn.Module):
    """Common part: cells, read-out and the weights' names."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.first, self.second = lif(), lif()
        self.readout = LIBoxCell(LIBoxParameters(tau_mem_inv=RATE))

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.observe(x)[0]

    def weights(self) -> dict[str, nn.Parameter]:
        return {f"w{i}": layer.weight for i, layer in enumerate(self.layers, 1)}


class Feedforward(_Network):
    """700-256-256-20."""

    def __init__(self, inputs: Arrays) -> None:
        super().__init__([tasks.linear(inputs[name], GAIN) for name in ("w1", "w2", "w3")])

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        first = unroll(self.first, self.layers[0](x))
        second = unroll(self.second, self.layers[1](first))
        return unroll(self.readout, self.layers[2](second)).mean(0), [first, second]


class Recurrent(Feedforward):
    """700-R256-20 (the library's recurrent cells all have a synaptic current, so the feedback is written out)."""

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        drive = self.layers[0](x)
        s, state, spikes = torch.zeros_like(drive[0]), None, []
        for drive_t in drive.unbind(0):
            s, state = self.first(drive_t + self.layers[1](s), state)
            spikes.append(s)
        hidden = torch.stack(spikes)
        return unroll(self.readout, self.layers[2](hidden)).mean(0), [hidden]


class Convolutional(_Network):
    """conv32-pool-conv64-pool-10 with time and batch merged around the cells; the read-out is no cell, so no gain."""

    def __init__(self, inputs: Arrays) -> None:
        layers = [tasks.conv(inputs["w1"], GAIN), tasks.conv(inputs["w2"], GAIN), tasks.linear(inputs["w3"], GAIN)]
        super().__init__(layers)
        self.pool = nn.MaxPool2d(2)

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        folded = x.shape[:2]
        first = unroll(self.first, self.layers[0](x.flatten(0, 1)).unflatten(0, folded))
        second = unroll(self.second, self.layers[1](self.pool(first.flatten(0, 1))).unflatten(0, folded))
        logits = self.layers[2](self.pool(second.flatten(0, 1)).flatten(1))
        return logits.unflatten(0, folded).mean(0) / GAIN, [first, second]


NETWORKS = {"shd_feedforward": Feedforward, "shd_recurrent": Recurrent, "nmnist_conv": Convolutional}


def norse_cuba() -> Callable[[Tensor], Tensor]:
    """The library's LIF with synaptic current, its multi-step function."""
    parameters = LIFParameters(tau_mem_inv=RATE, tau_syn_inv=torch.as_tensor(1.0 / 5e-3), method="super")

    def scan(x: Tensor) -> Tensor:
        zero = torch.zeros_like(x[0])
        return lif_feed_forward_integral(x, LIFFeedForwardState(zero, zero), parameters)[0]

    return scan


def norse_adex() -> Callable[[Tensor], Tensor]:
    """The library's AdEx cell unrolled over `unbind(0)` (its layer `LIFAdEx` indexes the tensor)."""
    parameters = LIFAdExParameters(
        adaptation_current=torch.as_tensor(_cells.ADEX_COUPLING),
        adaptation_spike=torch.as_tensor(_cells.ADEX_JUMP),
        delta_T=torch.as_tensor(_cells.ADEX_SLOPE),
        tau_ada_inv=torch.as_tensor(_cells.ADEX_ADAPTATION * 1e3),
        tau_syn_inv=torch.as_tensor(_cells.ADEX_SYNAPSE * 1e3),
        tau_mem_inv=torch.as_tensor(_cells.ADEX_MEMBRANE * 1e3),
        method="super",
    )
    cell = norse.LIFAdExCell(parameters)
    return lambda x: unroll(cell, x)


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench in ("lif_scan", "lif_scan_sum"):
        cell, summed = lif(), bench.endswith("sum")
        return tasks.ScanTask(lambda x: unroll(cell, x), inputs, FORMULA.as_dict(), NOTES, scale=GAIN, summed=summed)
    if bench == "cuba_scan":
        formula = replace(FORMULA, hard_reset=True, cut_reset=False)
        return tasks.ScanTask(norse_cuba(), inputs, formula.as_dict(), (CUBA_NOTE,), scale=GAIN)
    if bench == "adex_scan":
        formula = replace(FORMULA, cut_reset=False)
        return tasks.ScanTask(norse_adex(), inputs, formula.as_dict(), (ADEX_NOTE,))
    if bench in NETWORKS:
        return tasks.NetworkTask(NETWORKS[bench](inputs), inputs, FORMULA, NOTES, scales=SCALES)
    raise NotOffered(f"Norse has no cell for {bench}")
