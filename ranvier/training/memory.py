"""How much memory a batch will keep for its backward pass, told before training starts."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from ranvier.network import Network
from ranvier.training._signals import run
from ranvier.training.batches import Signal
from ranvier.training.rules import Rule

__all__ = ["forecast"]

Tensor = torch.Tensor
#: sizes of the samples run; smaller ones would be kept in rows padded to whole vectors
_FEW = (8, 16)


def forecast(net: Network, x: Signal, rule: Rule) -> int:
    """Bytes for a batch ``x`` [T, B, …]: what the backward pass keeps, the output, the gradients and two moments.

    Two small samples are run over the steps whose graph the rule holds at a time (all, or those of one window or
    segment), and what autograd keeps of them is counted; the line through both counts leads to the whole batch.
    """
    parts = list(x.values()) if isinstance(x, Mapping) else [x]
    steps, batch = parts[0].shape[:2]
    few = sorted({min(batch, n) for n in _FEW})
    counts = [_count(net, x, rule, n, steps) for n in few]
    slope = (counts[-1] - counts[0]) / (few[-1] - few[0]) if len(few) > 1 else 0.0
    learnt = sum(q.numel() * q.element_size() for q in net.parameters() if q.requires_grad)
    return int(counts[-1] + slope * (batch - few[-1]) + 3 * learnt)


def _count(net: Network, x: Signal, rule: Rule, samples: int, steps: int) -> float:
    """Bytes kept for the first ``samples`` of a batch, their states and outputs."""
    how = rule.arguments()
    held = min(how.get("window") or how.get("checkpoint") or steps, steps)
    sample = {n: part[:held, :samples] for n, part in x.items()} if isinstance(x, Mapping) else x[:held, :samples]
    kept: dict[int, int] = {}
    own = {q.untyped_storage().data_ptr() for q in (*net.parameters(), *net.buffers())}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = min(storage.nbytes(), tensor.numel() * tensor.element_size())
        return tensor

    training = net.training
    generator = torch.get_rng_state()
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        signals = run(net.eval(), sample, None, reset=how.get("reset", "auto"))
    torch.set_rng_state(generator)
    net.train(training)
    segments = math.ceil(steps / held) if held < steps else 0
    between = segments * sum(t.numel() * t.element_size() for t in signals.state.tensors().values())
    output = sum(o.numel() * o.element_size() for o in signals.outputs.values()) * steps / max(held, 1)
    return sum(kept.values()) + between + 2 * output
