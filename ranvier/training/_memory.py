"""How much memory a batch will keep for its backward pass, told before training starts."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from ranvier.network import Network
from ranvier.training._data import Signal
from ranvier.training._signals import run
from ranvier.training.rules import Rule

__all__ = ["forecast", "spell_bytes"]

Tensor = torch.Tensor


def forecast(net: Network, x: Signal, rule: Rule) -> int:
    """Bytes for a batch ``x`` [T, B, …]: what the backward pass keeps, the output, the gradients and two moments.

    One sample is run over the steps whose graph the rule holds at a time (all, or those of one window or segment), and
    what autograd keeps of it is counted; the streams grow with steps and samples, so the count is scaled by them.
    """
    parts = list(x.values()) if isinstance(x, Mapping) else [x]
    steps, batch = parts[0].shape[:2]
    how = rule.arguments()
    held = min(how.get("window") or how.get("checkpoint") or steps, steps)
    sample = {n: part[:held, :1] for n, part in x.items()} if isinstance(x, Mapping) else x[:held, :1]
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
        signals = run(net.eval(), sample, None, cut_reset=how.get("cut_reset", False))
    torch.set_rng_state(generator)
    net.train(training)
    segments = math.ceil(steps / held) if held < steps else 0
    between = segments * sum(t.numel() * t.element_size() for t in signals.state.tensors().values())
    output = sum(o.numel() * o.element_size() for o in signals.outputs.values()) * steps / max(held, 1)
    learnt = sum(q.numel() * q.element_size() for q in net.parameters() if q.requires_grad)
    return int(batch * (sum(kept.values()) + between + 2 * output) + 3 * learnt)


def spell_bytes(count: int) -> str:
    """A number of bytes as people write it."""
    size = float(count)
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
