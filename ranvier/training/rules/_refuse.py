"""Checks before a rule starts; errors name the unsupported part and the remedy."""

from __future__ import annotations

from torch import nn

from ranvier.dynamics import wrong_reset
from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.network.plan.hooks import hooked_parts
from ranvier.values import is_whole

__all__ = [
    "check_reset",
    "learns",
    "learnt_starts",
    "refuse_half",
    "refuse_hooks",
    "refuse_membrane_norms",
    "refuse_plastic",
    "refuse_starts",
    "upstream_of",
    "whole_number",
]


def learns(module: nn.Module) -> bool:
    """Whether anything in a module is learnt."""
    return any(q.requires_grad for q in module.parameters())


def upstream_of(net: Network, name: str) -> set[str]:
    """``name`` and every part whose emissions reach it."""
    found, front = {name}, [name]
    while front:
        post = front.pop()
        before = {p.pre for p in net.projections.values() if p.post == post} - found
        found |= before
        front += before
    return found


def learnt_starts(net: Network) -> list[tuple[str, str]]:
    """Populations and variables whose initial values are learnt, or computed from a learnt parameter."""
    return [(n, v) for n, p in net.populations.items() for v in sorted(p.learnt_starts)]


def refuse_starts(net: Network, rule: str) -> None:
    """Raise where an initial value is learnt: no gradient reaches it."""
    for n, variable in learnt_starts(net)[:1]:
        raise TrainingError(
            f"{rule} carries no gradient back to the start, but the initial {variable} of {n!r} is to be learnt: "
            f"give it a number, or use rv.rules.BPTT()."
        )


def refuse_half(net: Network, rule: str) -> None:
    """Raise where products run in half precision: ``rule`` computes its own in the dtype of the states."""
    half = net.graph.precision
    if half is None:
        return
    remedy = "call net.float() first" if half.weights is not None else "call it outside torch.autocast"
    raise TrainingError(
        f"{rule} computes its gradient from float32 products, but those of the network run in {half.products}: {remedy}, or use "
        f"rv.rules.BPTT() or rv.rules.SLTT()."
    )


def refuse_hooks(net: Network, rule: str) -> None:
    """Raise where a hook could change what a part emits: ``rule`` computes parts of the gradient by itself."""
    found = hooked_parts(net.graph)
    if found:
        raise TrainingError(
            f"{rule} computes the backward pass through {min(found)!r} itself, and would bypass the hook registered there: "
            f"remove the hook, or use rv.rules.BPTT() or rv.rules.SLTT()."
        )


def refuse_plastic(net: Network, rule: str) -> None:
    """Raise where synapses change by a rule of their own."""
    for p in net.projections.values():
        if p.plasticity is not None:
            raise TrainingError(f"{rule} cannot follow the plastic synapses of {p.name!r}: connect without plasticity.")


def refuse_mixing(net: Network, doing: str, remedy: str) -> None:
    """Raise where a step that is run again would differ from the first time, as samples of a batch or chance decide it.

    The error says what the rule is ``doing`` and the ``remedy``.
    """
    for n, p in net.projections.items():
        for transform in p.chain.transforms:
            if transform.mixes():
                raise TrainingError(
                    f"{doing}, but projection {n!r} holds {transform.kind}, which would then act differently: {remedy}"
                )
    for n, population in net.populations.items():
        if population.normalises:
            raise TrainingError(f"{doing}, but the membranes of {n!r} are normalised over the batch: {remedy}")


def refuse_membrane_norms(net: Network, rule: str) -> None:
    """Raise where membranes are normalised by the batch of each step, which ties samples together."""
    for n, p in net.populations.items():
        if p.normalises:
            raise TrainingError(
                f"{rule} follows every sample by itself, but the membranes of {n!r} are normalised over the batch in every step: call "
                f"net.eval() to keep the norm as it is, or use rv.rules.BPTT() or rv.rules.SLTT()."
            )


def whole_number(value: object, rule: str, name: str) -> None:
    """Raise unless ``value`` is a positive whole number."""
    if not is_whole(value):
        raise TrainingError(f"{rule}: {name}={value!r} must be a positive whole number.")


def check_reset(value: object, rule: str) -> None:
    """Raise unless ``value`` is a word for the gradient of the reset; spike times have a rule of their own."""
    trouble = wrong_reset(value, ("auto", "surrogate", "detached", "level"))
    if trouble:
        hint = " For the derivative of spike times use rv.rules.EventProp()." if value == "times" else ""
        raise TrainingError(f"{rule}: {trouble}{hint}")
