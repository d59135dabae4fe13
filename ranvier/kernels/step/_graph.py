"""The step graph: one step of a network as a list of nodes that run one after the other.

Every node reads and writes named buffers of one sample. A node is one short template in every target
(:mod:`ranvier.kernels.step._c99`, :mod:`ranvier.kernels.step._numpy`), and nothing in it belongs to a network, a transform
or torch: the graph can be printed, saved and run where none of them exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import ClassVar, Protocol

import numpy as np

from ranvier.dynamics import Program
from ranvier.kernels.elementary import Value, Words

__all__ = [
    "Add", "Advance", "Buffer", "Convolution", "Csr", "DelayPop", "DelayPush", "Dense", "Fill", "Node", "Pool", "Product",
    "Reading", "StepGraph",
]  # fmt: skip


@dataclass(frozen=True)
class Buffer:
    """Numbers of one ``shape``; ``role`` is input, output, state (kept between steps), scratch or constant.

    An ``exact`` state or scratch buffer holds times, in float64 whatever the dtype of the graph.
    """

    name: str
    shape: tuple[int, ...]
    role: str
    exact: bool = False

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True)
class Fill:
    """``target = value`` everywhere."""

    target: str
    value: float = 0.0


@dataclass(frozen=True)
class Add:
    """``target += source`` (a relay, a bias, a join)."""

    source: str
    target: str


@dataclass(frozen=True)
class Advance:
    """One step of a population: ``program`` reads ``reads`` and writes ``writes``, program name -> buffer.

    A read buffer has one number per cell, or one for all. With ``time``, the program reads the time under that name. Then,
    and where it is ``exact``, it is evaluated in float64, and each result is rounded to the dtype of its buffer.
    """

    program: Program
    cells: int
    reads: Mapping[str, str]
    writes: Mapping[str, str]
    time: str | None = None
    exact: bool = False

    def arithmetic(self, dtype: str) -> str:
        """The dtype in which it is evaluated in a graph of ``dtype``."""
        return dtype if self.time is None and not self.exact else "float64"


class Readable(Protocol):
    """A storage, as far as a step graph needs one; equal ones are read alike."""

    name: ClassVar[str]

    def write(self, k: Words, codes: Value) -> Value:
        """The float32 numbers that codes stand for, in the words of a target."""
        ...


@dataclass(frozen=True)
class Reading:
    """How a table of codes is read: each stands for (number - zero) * scale.

    ``scale`` and ``zero`` are constant buffers of one number for all or for each output; None for 1 and 0.
    """

    storage: Readable
    scale: str | None = None
    zero: str | None = None


@dataclass(frozen=True)
class Dense:
    """``weight`` [out, in], a constant buffer of floats, or of codes that ``stored`` says how to read."""

    weight: str
    shape: tuple[int, int]
    stored: Reading | None = None


@dataclass(frozen=True)
class Csr:
    """Single synapses by presynaptic cell: constant buffers of ``rows`` [pre + 1], ``targets`` and ``weight`` [synapses]."""

    rows: str
    targets: str
    weight: str
    sizes: tuple[int, int]
    stored: Reading | None = None


@dataclass(frozen=True)
class Convolution:
    """A kernel [out, in/groups, height, width] over a plane: [in, H, W] to [out, H', W']."""

    weight: str
    shape: tuple[int, int, int, int]
    groups: int
    source_plane: tuple[int, int]
    target_plane: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    stored: Reading | None = None


@dataclass(frozen=True)
class Product:
    """``target += operand(source)``; zeros of the source cost nothing."""

    operand: Dense | Csr | Convolution
    source: str
    target: str


@dataclass(frozen=True)
class Pool:
    """``target = ``the ``kind`` (max or mean) of the source over windows of a plane."""

    kind: str
    source: str
    target: str
    channels: int
    source_plane: tuple[int, int]
    target_plane: tuple[int, int]
    window: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


@dataclass(frozen=True)
class DelayPush:
    """The source becomes the newest row of the delay line [depth, size]."""

    source: str
    line: str


@dataclass(frozen=True)
class DelayPop:
    """``target = ``the row of the line that was pushed ``lag`` steps ago (1: in the step before)."""

    line: str
    target: str
    lag: int


Node = Fill | Add | Advance | Product | Pool | DelayPush | DelayPop


@dataclass(frozen=True)
class StepGraph:
    """Buffers, nodes in order, constants by name, and the first values of the state buffers.

    ``first`` is the number of that step; the time is (first + steps taken) dt, with dt a fraction where that is simple.
    """

    dtype: str
    dt: tuple[float, float]
    first: int
    buffers: Mapping[str, Buffer]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    start: Mapping[str, np.ndarray] = field(default_factory=dict)

    def of(self, role: str) -> list[Buffer]:
        """The buffers of one role, in order."""
        return [b for b in self.buffers.values() if b.role == role]

    def __str__(self) -> str:
        return "\n".join(_line(node) for node in self.nodes)


def _line(node: Node) -> str:
    match node:
        case Fill(target, value):
            return f"{target} = {value:g}"
        case Add(source, target):
            return f"{target} += {source}"
        case Advance():
            return f"advance {node.cells} cells: {', '.join(node.writes.values())}"
        case Product(operand, source, target):
            return f"{target} += {type(operand).__name__.lower()} {operand.weight} of {source}"
        case Pool():
            return f"{node.target} = {node.kind} of {node.source} over {node.window[0]}x{node.window[1]}"
        case DelayPush(source, line):
            return f"push {source} into {line}"
        case DelayPop(line, target, lag):
            return f"{target} = {line}, {lag} steps ago"
