"""SpikingJelly's network (or multi-step node) inside `torch.compile`, which unrolls time: one program per shape.

Compilation takes minutes; the series gives up after the contender's `prepare_limit_s`. Run it with
`--also torch_compile`.
"""

from __future__ import annotations

import torch
from spikingjelly.activation_based import functional
from torch import Tensor

from benchmarks._protocol import Arrays, NotOffered, Options, Task
from benchmarks.peers_training.spikingjelly_side import NETWORKS, NOTE, PACKAGES, lif, scales_of
from benchmarks.training import _torch_tasks as tasks
from benchmarks.training._formula import Formula

__all__ = ["PACKAGES", "build"]
NOTES = (NOTE, "State reset outside, everything else in torch.compile (default mode).")


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The SpikingJelly task with its forward compiled (backward is compiled with it)."""
    if bench in ("lif_scan", "lif_scan_sum"):
        node = lif()
        compiled = torch.compile(node)

        def scan(x: Tensor) -> Tensor:
            functional.reset_net(node)
            return compiled(x)

        return tasks.ScanTask(scan, inputs, Formula().as_dict(), NOTES, summed=bench.endswith("sum"))
    if bench in NETWORKS:
        network = NETWORKS[bench](inputs)
        network.propagate = torch.compile(network.propagate)
        return tasks.NetworkTask(network, inputs, Formula(), NOTES, scales=scales_of(bench))
    raise NotOffered(f"SpikingJelly has no cell for {bench}")
