"""Which kernel runs each part, and why: decided once, as a value that can be printed, compared and saved."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch

from ranvier.dynamics import WHOLE, Cuts
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import Shape
from ranvier.network.order import Part

__all__ = ["STEPWISE", "Choice", "Plan", "Request", "Unit"]

STEPWISE = "step by step, as a norm takes the statistics of each step"


@dataclass(frozen=True)
class Request:
    """A request: the facts that a plan may depend on, without numbers that differ from call to call.

    Attributes
    ----------
    single
        The batch is one sample.
    cuts
        The paths a gradient may take.
    spread
        Parts whose cells do not form a row (images).
    learnt
        Inputs that ask for a gradient.
    series
        Windows of one series follow each other, and no parameter changes between them.
    hooked
        Populations and projections with a hook, which run by themselves.
    settled
        Projections with norms or dropouts outside training, which are part of the weights beside them.
    normed
        Populations whose norm takes the statistics of each step, which run step by step.
    step
        Calls are of one step each, without gradient.
    products
        The dtype of matrices and convolutions in half precision; None for that of the network.
    few
        Dense inputs of few steps times samples, where each operation costs more than its numbers.
    """

    dtype: torch.dtype
    device: str
    gradient: bool
    window: int | None = None
    checkpoint: int | None = None
    provider: str | None = None
    dense_inputs: frozenset[str] = frozenset()
    single: bool = True
    cuts: Cuts = WHOLE
    spread: frozenset[str] = frozenset()
    learnt: frozenset[str] = frozenset()
    series: bool = False
    hooked: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    normed: frozenset[str] = frozenset()
    step: bool = False
    few: bool = False
    products: torch.dtype | None = None


@dataclass(frozen=True)
class Choice:
    """One line of a plan; ``variant`` is the provider's word for the way it chose, ``shape`` what it offered to run.

    ``stored`` says that its tasks may hold stored numbers in the place of weights.
    """

    part: str
    task: str
    provider: str
    why: str
    variant: str = ""
    shape: Shape | None = field(default=None, compare=False, repr=False)
    stored: bool = False

    @property
    def who(self) -> str:
        """The provider and its way."""
        return f"{self.provider}, {self.variant}" if self.variant else self.provider


@dataclass(frozen=True)
class Unit:
    """Parts that run at once.

    ``how`` is ``"scan"`` (a population or relay by itself), ``"joined"`` (neighbouring parts, one operation, step by
    step), ``"fused"`` (a cycle as one operation, in windows of ``window`` steps), ``"circuit"`` (cells joined by single synapses, all steps at once)
    ``"windows"`` (a cycle, population by population) or ``"steps"`` (the same step by step, also of a population by itself,
    as a norm takes the statistics of each step). ``feeds`` names the projections whose spikes enter as they are;
    ``again`` says that one set-up serves all windows of a series, or all calls of one step, ``calls`` that one serves all calls of a
    shape, where they are small; ``graded`` that feeds may be any numbers, ``pieces`` that a circuit may be advanced some steps at a time. ``provider`` runs what runs as one operation or circuit, for the ``shape`` that it offered; ``stored`` is that of
    :class:`Choice`; ``exchanges`` that other processes may have some of its cells.
    """

    members: tuple[str, ...]
    how: Literal["scan", "joined", "fused", "circuit", "windows", "steps"]
    window: int = 1
    feeds: tuple[str, ...] = ()
    again: bool = False
    provider: str = ""
    variant: str = ""
    shape: Shape | None = field(default=None, compare=False, repr=False)
    stored: bool = False
    graded: bool = False
    calls: bool = False
    exchanges: bool = False
    pieces: bool = False

    def __str__(self) -> str:
        path = " -> ".join(self.members)
        steps = f"windows of {self.window} step{'s' * (self.window != 1)}"
        text = {
            "scan": f"{path}: by itself",
            "joined": f"{path}: one operation, step by step",
            "fused": f"cycle {path}: one operation, {steps} inside",
            "circuit": f"{path}: one compiled circuit over all steps",
            "steps": f"{path}: {STEPWISE}",
            "windows": f"cycle {path}: {steps}, its shortest latency, population by population",
        }[self.how]
        once = ", set up once for all windows (in each window anew once a source sends other numbers than 0 and 1)"
        if self.calls:
            return f"{text}, set up once for all small calls of a shape"
        return text + (", set up once for all calls" if self.graded else once) * self.again


@dataclass(frozen=True)
class Plan:
    """Choices for every part, and the units in the order in which they run.

    ``notes`` say why parts that could run together do not; ``drawn`` names the projections whose spikes a circuit
    draws itself, ``sent`` those of sources whose spikes stay a list inside a circuit, ``hooked`` the populations and projections with a hook.

    >>> plan = net.plan()
    >>> plan.provider("exc")
    'cpu'
    """

    choices: tuple[Choice, ...]
    parts: tuple[Part, ...]
    units: tuple[Unit, ...]
    window: int | None = None
    checkpoint: int | None = None
    cuts: Cuts = WHOLE
    notes: tuple[str, ...] = ()
    drawn: frozenset[str] = frozenset()
    sent: frozenset[str] = frozenset()
    hooked: frozenset[str] = frozenset()
    elsewhere: tuple[str, ...] = ()

    @cached_property
    def _choices(self) -> dict[str, Choice]:
        return {c.part: c for c in reversed(self.choices)}

    def choice(self, part: str) -> Choice:
        """The line of a population or projection."""
        return self._choices[part]

    def provider(self, part: str) -> str:
        """The provider that runs a population or carries a projection."""
        return self._choices[part].provider

    @cached_property
    def built(self) -> dict[str | tuple[str, ...], Runnable]:
        """What runs each part, or the members of a unit, as far as it has been built."""
        return {}

    def __getstate__(self) -> dict[str, Any]:
        """A copy builds what runs its parts anew."""
        return {name: value for name, value in self.__dict__.items() if name != "built"}

    @cached_property
    def circuits(self) -> frozenset[tuple[str, ...]]:
        """Populations that run as one circuit."""
        return frozenset(u.members for u in self.units if u.how == "circuit")

    @property
    def fused(self) -> frozenset[tuple[str, ...]]:
        """Cycles that run as one differentiable operation by themselves."""
        return frozenset(u.members for u in self.units if u.how == "fused")

    @property
    def together(self) -> tuple[tuple[str, ...], ...]:
        """Populations of neighbouring parts that run as one operation."""
        return tuple(u.members for u in self.units if u.how == "joined")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for checkpoints."""
        return {
            "choices": [_plain(c) for c in self.choices],
            "parts": [asdict(p) for p in self.parts],
            "units": [_plain(u) for u in self.units],
            "window": self.window,
            "checkpoint": self.checkpoint,
            "cuts": asdict(self.cuts),
            "notes": list(self.notes),
            "drawn": sorted(self.drawn),
            "sent": sorted(self.sent),
            "hooked": sorted(self.hooked),
            "elsewhere": list(self.elsewhere),
        }

    @property
    def remarks(self) -> tuple[str, ...]:
        """The parts that run together and those that do not, a sentence each."""
        lines = [*(str(u) for u in self.units if u.how != "scan"), *self.notes, *self.elsewhere]
        if self.window:
            lines.append(f"the whole network in windows of {self.window} steps; gradients stop at their borders")
        if self.checkpoint:
            lines.append(
                f"checkpoints every {self.checkpoint} steps; what lies between is computed again in the backward pass"
            )
        return tuple(lines)

    def __str__(self) -> str:
        from ranvier.text_table import text_table

        rows = [("part", "task", "provider", "why"), *((c.part, c.task, c.who, c.why) for c in self.choices)]
        return "\n".join([text_table(rows), *self.remarks])


def _plain(line: Choice | Unit) -> dict[str, Any]:
    """A line without the shape, which holds programs."""
    return {name: value for name, value in vars(line).items() if name != "shape"}
