"""Which kernel runs each part, and why: decided once, as a value that can be printed, compared and saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ranvier.network._chain import chains
from ranvier.network._graph import Part

__all__ = ["Carried", "Choice", "Plan", "Request", "make_plan"]


@dataclass(frozen=True)
class Request:
    """What is asked of a network: the facts a plan may depend on."""

    dtype: torch.dtype
    device: str
    gradient: bool
    window: int | None = None
    checkpoint: int | None = None
    provider: str | None = None
    dense_inputs: frozenset[str] = frozenset()
    batch: int | None = None


@dataclass(frozen=True)
class Choice:
    """One line of a plan."""

    part: str
    task: str
    provider: str
    why: str


@dataclass(frozen=True)
class Carried:
    """A projection as a plan sees it: ``dense`` says why its spikes are not carried one by one, or None.

    ``plain`` is a dense matrix with one fixed latency, which an operation of several parts carries by event in any case.
    ``plastic`` says how a compiled loop updates its synapses, where they change.
    """

    pre: str
    post: str
    dense: str | None
    plain: bool
    plastic: str | None = None


@dataclass(frozen=True)
class Plan:
    """Choices for every part, and the windows in which cycles run."""

    choices: tuple[Choice, ...]
    parts: tuple[Part, ...]
    window: int | None = None
    checkpoint: int | None = None
    loops: frozenset[tuple[str, ...]] = frozenset()
    fused: frozenset[tuple[str, ...]] = frozenset()
    chains: tuple[tuple[int, int], ...] = ()

    def provider(self, part: str) -> str:
        """The provider that runs a population or carries a projection."""
        return next(c.provider for c in self.choices if c.part == part)

    @property
    def together(self) -> tuple[tuple[str, ...], ...]:
        """Populations of neighbouring parts that run as one operation."""
        return tuple(tuple(n for part in self.parts[a:b] for n in part.members) for a, b in self.chains)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for checkpoints."""
        return {
            "choices": [asdict(c) for c in self.choices],
            "parts": [asdict(p) for p in self.parts],
            "window": self.window,
            "checkpoint": self.checkpoint,
            "loops": sorted(map(list, self.loops)),
            "fused": sorted(map(list, self.fused)),
            "chains": [list(names) for names in self.together],
        }

    def __str__(self) -> str:
        rows = [("part", "task", "provider", "why"), *((c.part, c.task, c.provider, c.why) for c in self.choices)]
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = ["  ".join([*(row[k].ljust(widths[k]) for k in range(3)), row[3]]) for row in rows]
        loops = [
            f"cycle {' -> '.join(p.members)}: windows of {p.window} step{'s' * (p.window != 1)}, its shortest latency"
            for p in self.parts
            if p.cyclic
        ]
        loops += [f"{' -> '.join(names)}: one operation, step by step" for names in self.together]
        if self.window:
            loops.append(f"the whole network in windows of {self.window} steps; gradients stop at their borders")
        if self.checkpoint:
            loops.append(
                f"checkpoints every {self.checkpoint} steps; what lies between is computed again in the backward pass"
            )
        return "\n".join([*lines, *loops])


def make_plan(
    populations: Sequence[str], projections: Mapping[str, Carried], parts: tuple[Part, ...], request: Request, refuses: Any,
    loopable: Any, fusible: Any, join: Any,
) -> Plan:  # fmt: skip
    """Choose a provider for every part; a pure function of its arguments.

    ``refuses(request)`` is the cpu provider's sentence, or None; ``loopable(part)`` and ``fusible(part)`` say why a cycle cannot be one compiled loop, or one operation, or None; ``join(part, before)`` says
    whether a part can run in one operation with the populations before it.
    """
    sentence = refuses(request)
    if request.provider == "reference":
        fast, why = False, "asked for"
    elif sentence is not None:
        fast, why = False, sentence
    else:
        fast, why = True, "asked for" if request.provider == "cpu" else "generated vector code for this processor"
    choices = [Choice(n, "scan", "cpu" if fast else "reference", why) for n in populations]
    loops: set[tuple[str, ...]] = set()
    fused: set[tuple[str, ...]] = set()
    for part in parts:
        if not part.cyclic:
            continue
        compiled = (
            why
            if not fast
            else "a gradient is asked for"
            if request.gradient
            else "the batch is larger than one"
            if request.batch != 1
            else loopable(part)
        )
        divided = why if not fast else fusible(part)
        name = "+".join(part.members)
        if compiled is None:
            loops.add(part.members)
            choices.append(Choice(name, "loop", "cpu", "one compiled loop for the whole cycle"))
        elif divided is None:
            fused.add(part.members)
            choices.append(Choice(name, "loop", "cpu", f"one operation, windows inside ({compiled})"))
        else:
            choices.append(
                Choice(name, "loop", "windows", divided if divided == compiled else f"{divided}; {compiled}")
            )
    apart = frozenset(p.members for p in parts if p.cyclic and p.members not in fused)
    together = chains(parts, apart, join) if fast else ()
    joined = {n for first, last in together for part in parts[first:last] for n in part.members}
    compiled = {n for members in loops for n in members}
    carried = [
        _update(name, p.plastic, p.post in compiled)
        if p.plastic
        else _carry(name, p, request, None if fast else why, p.post in joined)
        for name, p in projections.items()
    ]
    choices = [*choices[: len(populations)], *carried, *choices[len(populations) :]]
    return Plan(tuple(choices), parts, request.window, request.checkpoint, frozenset(loops), frozenset(fused), together)


def _update(name: str, how: str, compiled: bool) -> Choice:
    """Who runs plastic synapses; ``how`` is what a compiled loop does with them."""
    if compiled:
        return Choice(name, "plasticity", "cpu", how)
    return Choice(name, "plasticity", "reference", "step by step, as its cells do not run in a compiled loop")


def _carry(name: str, p: Carried, request: Request, slow: str | None, joined: bool) -> Choice:
    """Who carries a projection; ``slow`` is why the reference does."""
    if slow is not None:
        return Choice(name, "propagate", "reference", slow)
    if p.dense is not None and not (p.plain and joined):
        return Choice(name, "propagate", "torch", p.dense)
    if p.pre in request.dense_inputs:
        return Choice(name, "propagate", "torch", f"{p.pre} is dense")
    return Choice(name, "propagate", "cpu", f"by event: cost follows the spikes of {p.pre}")
