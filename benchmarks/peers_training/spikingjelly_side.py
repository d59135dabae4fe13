"""SpikingJelly 2: multi-step layers (`step_mode="m"`), soft detached reset, undecayed input, arctan surrogate."""

from __future__ import annotations

import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import Tensor, nn

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.training import _torch_tasks as tasks
from benchmarks.training._formula import BETA, Formula

PACKAGES = ("spikingjelly", "torch")
TAU = 1.0 / (1.0 - BETA)
SCALES = {"w3": TAU}
"""The library's read-out is v + (x - v) / tau, so the weights in front of it are tau times the bench's."""
NOTE = "LIFNode(tau=10, decay_input=False, v_reset=None, detach_reset=True, ATan)."


def lif(step_mode: str = "m") -> neuron.LIFNode:
    """The node whose charge is v - v / tau + x, that is 0.9 v + x."""
    return neuron.LIFNode(
        tau=TAU,
        decay_input=False,
        v_reset=None,
        surrogate_function=surrogate.ATan(alpha=2.0),
        detach_reset=True,
        step_mode=step_mode,
    )


class _Network(nn.Module):
    """Common part: state is reset before each pass, as the library asks."""

    def propagate(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        raise NotImplementedError

    def observe(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        functional.reset_net(self)
        return self.propagate(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.observe(x)[0]

    def weights(self) -> dict[str, nn.Parameter]:
        return {f"w{i}": module.weight for i, module in enumerate(self.layers, 1)}


class Feedforward(_Network):
    """700-256-256-20."""

    def __init__(self, inputs: Arrays) -> None:
        super().__init__()
        shapes = [inputs[name].shape for name in ("w1", "w2", "w3")]
        made = [layer.Linear(shape[1], shape[0], bias=False, step_mode="m") for shape in shapes]
        self.layers = nn.ModuleList(made)
        for i, module in enumerate(made, 1):
            tasks.load(module, inputs[f"w{i}"], SCALES.get(f"w{i}", 1.0))
        self.first, self.second = lif(), lif()
        self.readout = neuron.NonSpikingLIFNode(tau=TAU, decode="mean-mem")

    def propagate(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        first = self.first(self.layers[0](x))
        second = self.second(self.layers[1](first))
        return self.readout(self.layers[2](second)), [first, second]


class Recurrent(_Network):
    """700-R256-20: single-step nodes in a loop (the library's recurrent container adds a trained identity product)."""

    def __init__(self, inputs: Arrays) -> None:
        super().__init__()
        self.layers = nn.ModuleList(tasks.linear(inputs[n], SCALES.get(n, 1.0)) for n in ("w1", "w2", "w3"))
        self.hidden = lif("s")
        self.readout = neuron.NonSpikingLIFNode(tau=TAU, decode="mean-mem")

    def propagate(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        drive = self.layers[0](x)
        s = torch.zeros_like(drive[0])
        spikes = []
        for drive_t in drive.unbind(0):
            s = self.hidden(drive_t + self.layers[1](s))
            spikes.append(s)
        hidden = torch.stack(spikes)
        return self.readout(self.layers[2](hidden)), [hidden]


class Convolutional(_Network):
    """conv32-pool-conv64-pool-10."""

    def __init__(self, inputs: Arrays) -> None:
        super().__init__()
        w1, w2, w3 = inputs["w1"], inputs["w2"], inputs["w3"]
        made = [
            layer.Conv2d(w1.shape[1], w1.shape[0], 3, padding=1, bias=False, step_mode="m"),
            layer.Conv2d(w2.shape[1], w2.shape[0], 3, padding=1, bias=False, step_mode="m"),
            layer.Linear(w3.shape[1], w3.shape[0], bias=False, step_mode="m"),
        ]
        self.layers = nn.ModuleList(tasks.load(m, w) for m, w in zip(made, (w1, w2, w3), strict=True))
        self.first, self.second = lif(), lif()
        self.pool = layer.MaxPool2d(2, step_mode="m")
        self.flatten = layer.Flatten(step_mode="m")

    def propagate(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        first = self.first(self.layers[0](x))
        second = self.second(self.layers[1](self.pool(first)))
        return self.layers[2](self.flatten(self.pool(second))).mean(0), [first, second]


NETWORKS = {"shd_feedforward": Feedforward, "shd_recurrent": Recurrent, "nmnist_conv": Convolutional}


def scales_of(bench: str) -> dict[str, float]:
    """Weight factors of a network bench: only leaky read-outs have one."""
    return {} if bench == "nmnist_conv" else SCALES


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if bench in ("lif_scan", "lif_scan_sum"):
        node = lif()

        def scan(x: Tensor) -> Tensor:
            functional.reset_net(node)
            return node(x)

        return tasks.ScanTask(scan, inputs, Formula().as_dict(), (NOTE,), summed=bench.endswith("sum"))
    if bench in NETWORKS:
        return tasks.NetworkTask(NETWORKS[bench](inputs), inputs, Formula(), (NOTE,), scales=scales_of(bench))
    raise NotOffered(f"SpikingJelly has no cell for {bench}")
