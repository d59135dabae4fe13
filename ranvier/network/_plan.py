"""Which kernel runs each part, and why: decided once, as a value that can be printed, compared and saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ranvier.network._graph import Part

__all__ = ["Choice", "Plan", "Request", "make_plan"]


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
class Plan:
    """Choices for every part, and the windows in which cycles run."""

    choices: tuple[Choice, ...]
    parts: tuple[Part, ...]
    window: int | None = None
    checkpoint: int | None = None
    loops: frozenset[tuple[str, ...]] = frozenset()
    fused: frozenset[tuple[str, ...]] = frozenset()

    def provider(self, part: str) -> str:
        """The provider that runs a population or carries a projection."""
        return next(c.provider for c in self.choices if c.part == part)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for checkpoints."""
        return {
            "choices": [asdict(c) for c in self.choices],
            "parts": [asdict(p) for p in self.parts],
            "window": self.window,
            "checkpoint": self.checkpoint,
            "loops": sorted(map(list, self.loops)),
            "fused": sorted(map(list, self.fused)),
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
        if self.window:
            loops.append(f"the whole network in windows of {self.window} steps; gradients stop at their borders")
        if self.checkpoint:
            loops.append(
                f"checkpoints every {self.checkpoint} steps; what lies between is computed again in the backward pass"
            )
        return "\n".join([*lines, *loops])


def make_plan(
    populations: Sequence[str], projections: Mapping[str, tuple[str, str | None]], parts: tuple[Part, ...], request: Request, refuses: Any,
    loopable: Any, fusible: Any,
) -> Plan:  # fmt: skip
    """Choose a provider for every part; a pure function of its arguments.

    ``projections`` maps a name to (source, why its spikes are not carried one by one, or None); ``refuses(request)`` is the
    cpu provider's sentence, or None; ``loopable(part)`` and
    ``fusible(part)`` say why a cycle cannot be one compiled loop, or one operation, or None.
    """
    sentence = refuses(request)
    if request.provider == "reference":
        fast, why = False, "asked for"
    elif sentence is not None:
        fast, why = False, sentence
    else:
        fast, why = True, "asked for" if request.provider == "cpu" else "generated vector code for this processor"
    choices = [Choice(n, "scan", "cpu" if fast else "reference", why) for n in populations]
    for name, (source, dense) in projections.items():
        if not fast:
            choices.append(Choice(name, "propagate", "reference", why))
        elif dense is not None:
            choices.append(Choice(name, "propagate", "torch", dense))
        elif source in request.dense_inputs:
            choices.append(Choice(name, "propagate", "torch", f"{source} is dense"))
        else:
            choices.append(Choice(name, "propagate", "cpu", f"by event: cost follows the spikes of {source}"))
    loops, fused = set(), set()
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
        apart = why if not fast else fusible(part)
        name = "+".join(part.members)
        if compiled is None:
            loops.add(part.members)
            choices.append(Choice(name, "loop", "cpu", "one compiled loop for the whole cycle"))
        elif apart is None:
            fused.add(part.members)
            choices.append(Choice(name, "loop", "cpu", f"one operation, windows inside ({compiled})"))
        else:
            choices.append(Choice(name, "loop", "windows", apart if apart == compiled else f"{apart}; {compiled}"))
    return Plan(tuple(choices), parts, request.window, request.checkpoint, frozenset(loops), frozenset(fused))
