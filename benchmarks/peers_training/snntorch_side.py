"""snnTorch: `Leaky` in the user's time loop, as its tutorials do.

Two variants. The default subtracts the reset one step later, undecayed, without gradient; it is the faster one.
`reset_delay=False` resets in the step of the spike, as asked, but lets the gradient flow through the reset, and a cell
whose membrane stays above threshold after its reset is pushed down once more for a step (2-6 % of the raster's entries
move in the networks).
"""

from __future__ import annotations

from collections.abc import Callable

import snntorch as snn
import torch
from snntorch import surrogate
from torch import Tensor, nn

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.training import _cells
from benchmarks.training import _torch_tasks as tasks
from benchmarks.training._formula import BETA, Formula

PACKAGES = ("snntorch", "torch")


class _Network(nn.Module):
    """Common part: cells, read-out and the weights' names."""

    def __init__(self, layers: list[nn.Module], cells: int, *, late: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.cells = nn.ModuleList(cell(late=late) for _ in range(cells))
        self.readout = snn.Leaky(beta=BETA, reset_mechanism="none")

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.observe(x)[0]

    def weights(self) -> dict[str, nn.Parameter]:
        return {f"w{i}": layer.weight for i, layer in enumerate(self.layers, 1)}


def cell(*, late: bool) -> snn.Leaky:
    """The `Leaky` neuron with arctan surrogate."""
    return snn.Leaky(beta=BETA, spike_grad=surrogate.atan(alpha=2.0), reset_delay=late)


class Feedforward(_Network):
    """700-256-256-20."""

    def __init__(self, inputs: Arrays, *, late: bool) -> None:
        super().__init__([tasks.linear(inputs[name]) for name in ("w1", "w2", "w3")], 2, late=late)

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        mem1, mem2, mem3 = self.cells[0].reset_mem(), self.cells[1].reset_mem(), self.readout.reset_mem()
        first, second, trace = [], [], []
        for x_t in x.unbind(0):
            spk1, mem1 = self.cells[0](self.layers[0](x_t), mem1)
            spk2, mem2 = self.cells[1](self.layers[1](spk1), mem2)
            _, mem3 = self.readout(self.layers[2](spk2), mem3)
            first.append(spk1)
            second.append(spk2)
            trace.append(mem3)
        return torch.stack(trace).mean(0), [torch.stack(first), torch.stack(second)]


class Recurrent(_Network):
    """700-R256-20 with `RLeaky`, whose recurrent `Linear` carries a bias of its own (zero at the start)."""

    def __init__(self, inputs: Arrays, *, late: bool) -> None:
        super().__init__([tasks.linear(inputs["w1"]), tasks.linear(inputs["w3"])], 0, late=late)
        size = inputs["w2"].shape[0]
        self.hidden = snn.RLeaky(
            beta=BETA, linear_features=size, spike_grad=surrogate.atan(alpha=2.0), reset_delay=late
        )
        tasks.load(self.hidden.recurrent, inputs["w2"])
        nn.init.zeros_(self.hidden.recurrent.bias)

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        spk, mem = self.hidden.reset_mem()
        out = self.readout.reset_mem()
        spikes, trace = [], []
        for x_t in x.unbind(0):
            spk, mem = self.hidden(self.layers[0](x_t), spk, mem)
            _, out = self.readout(self.layers[1](spk), out)
            spikes.append(spk)
            trace.append(out)
        return torch.stack(trace).mean(0), [torch.stack(spikes)]

    def weights(self) -> dict[str, nn.Parameter]:
        return {"w1": self.layers[0].weight, "w2": self.hidden.recurrent.weight, "w3": self.layers[1].weight}


class Convolutional(_Network):
    """conv32-pool-conv64-pool-10, all layers inside the time loop."""

    def __init__(self, inputs: Arrays, *, late: bool) -> None:
        layers = [tasks.conv(inputs["w1"]), tasks.conv(inputs["w2"]), tasks.linear(inputs["w3"])]
        super().__init__(layers, 2, late=late)
        self.pool = nn.MaxPool2d(2)

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        mem1, mem2 = self.cells[0].reset_mem(), self.cells[1].reset_mem()
        first, second, logits = [], [], []
        for x_t in x.unbind(0):
            spk1, mem1 = self.cells[0](self.layers[0](x_t), mem1)
            spk2, mem2 = self.cells[1](self.layers[1](self.pool(spk1)), mem2)
            logits.append(self.layers[2](self.pool(spk2).flatten(1)))
            first.append(spk1)
            second.append(spk2)
        return torch.stack(logits).mean(0), [torch.stack(first), torch.stack(second)]


NETWORKS = {"shd_feedforward": Feedforward, "shd_recurrent": Recurrent, "nmnist_conv": Convolutional}


def synaptic_scan(*, late: bool) -> Callable[[Tensor], Tensor]:
    """The library's two-state cell, `Synaptic`."""
    atan = surrogate.atan(alpha=2.0)
    layer = snn.Synaptic(alpha=_cells.SYNAPSE_DECAY, beta=BETA, spike_grad=atan, reset_delay=late)

    def scan(x: Tensor) -> Tensor:
        syn, mem = layer.reset_mem()
        spikes = []
        for x_t in x.unbind(0):
            spk, syn, mem = layer(x_t, syn, mem)
            spikes.append(spk)
        return torch.stack(spikes)

    return scan


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`; `options["reset_delay"]` is the library's argument of that name (True)."""
    late = bool(options.get("reset_delay", True))
    formula = Formula(late_reset=late, cut_reset=late, residual_reset=not late)
    notes = (f"Leaky(beta=0.9, reset_delay={late}, atan).",)
    if bench in ("lif_scan", "lif_scan_sum"):
        layer = cell(late=late)

        def scan(x: Tensor) -> Tensor:
            mem = layer.reset_mem()
            spikes = []
            for x_t in x.unbind(0):
                spk, mem = layer(x_t, mem)
                spikes.append(spk)
            return torch.stack(spikes)

        return tasks.ScanTask(scan, inputs, formula.as_dict(), notes, summed=bench.endswith("sum"))
    if bench == "cuba_scan":
        return tasks.ScanTask(synaptic_scan(late=late), inputs, formula.as_dict(), notes)
    if bench in NETWORKS:
        return tasks.NetworkTask(NETWORKS[bench](inputs, late=late), inputs, formula, notes)
    raise NotOffered(f"snnTorch has no cell for {bench}")
