"""Kinds of populations and of projections as a circuit sees them: the code of each depends on nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.dynamics import ByStructure, Step
from ranvier.kernels.cpu.llvm.load_weight import Code

__all__ = ["Member", "QueueForm", "Wire"]


@dataclass(frozen=True, eq=False)
class Member(ByStructure):
    """A population as the circuit sees it.

    ``rings`` are the streams fed by projections of the circuit, ``outside`` those given as arrays for the whole call
    (a stream may be both), ``recorded`` the variables written every ``every`` steps, ``varied`` the coefficients with a
    value per cell; the others stay in registers. ``direct`` are the rings that are the states themselves, ``drives``
    the streams of drawn counts, each with whether cells have laws of their own, ``noises`` those of normal numbers, and
    ``emission`` is the output that graded projections carry, ``shown`` the states that synapses read in every step. ``several`` says that its cells are those of several
    samples, one behind the other.
    """

    step: Step
    rings: tuple[str, ...]
    outside: tuple[str, ...]
    recorded: tuple[str, ...]
    varied: tuple[str, ...] = ()
    direct: tuple[str, ...] = ()
    drives: tuple[tuple[str, bool], ...] = ()
    noises: tuple[str, ...] = ()
    emission: str | None = None
    shown: tuple[str, ...] = ()
    several: bool = False

    @property
    def fires(self) -> bool:
        """Whether its cells have a threshold."""
        return "spike" in self.step.events

    @property
    def key(self) -> tuple:
        """The parts that the generated code depends on."""
        return (
            self.step.key,
            self.rings,
            self.outside,
            self.recorded,
            self.varied,
            self.direct,
            self.drives,
            self.noises,
            self.emission,
            self.shown,
            self.several,
        )


@dataclass(frozen=True)
class QueueForm:
    """Queues as code depends on them: whether all weights of a projection are ``alike``, and the sizes of what is stored.

    ``count_bits`` is the size of a stored number of synapses, ``order_bits`` that of a place in a row.
    """

    alike: bool
    count_bits: int = 8
    order_bits: int = 16


@dataclass(frozen=True)
class Wire:
    """A projection whose weights do not change: whether weight and latency are one number for all, and how they are stored.

    ``latency_bits`` is the size of a stored latency: 8 (unsigned), 16 or 32; ``target_bits`` that of a stored target. ``drawn`` names the
    kernel that draws rows which are not stored; ``by_block`` says that spikes go to the bins of blocks of cells first. A
    ``code`` reads weights that are stored numbers. ``queue`` says that spikes go to the queues of the turns in which they arrive.
    ``several`` says that its cells are those of several samples, each joined in this way.
    """

    one_weight: bool
    one_latency: bool
    latency_bits: int = 32
    target_bits: int = 32
    drawn: str | None = None
    by_block: bool = False
    code: Code | None = None
    queue: QueueForm | None = None
    several: bool = False
