"""What a contender's side file offers to a benchmark: `build(bench, inputs, options) -> Task`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

Arrays = Mapping[str, np.ndarray]
"""Named arrays, the only thing that passes between interpreters (as `.npy` files)."""

Options = Mapping[str, Any]
"""JSON values that choose a variant of a bench or of a contender."""


class NotOffered(Exception):
    """Raised by `build` when a library has no such model; the message says what is missing."""


class Task(Protocol):
    """One contender's work on one bench, ready to be repeated.

    Attributes:
        formula: JSON-able description of what this contender computes; chooses the reference it is checked against.
        notes: one sentence per setting a reader must know (empty when the library's plain call was used).
    """

    formula: dict[str, Any]
    notes: tuple[str, ...]

    def check(self) -> dict[str, np.ndarray]:
        """Run once from the initial weights and return everything to be compared (not timed)."""
        ...

    def step(self) -> float | None:
        """Do one repetition; return its seconds if the library measures its own run phase, else None."""
        ...


class Build(Protocol):
    """The one function a side file must define."""

    def __call__(self, bench: str, inputs: Arrays, options: Options) -> Task: ...


@dataclass(frozen=True)
class Verdict:
    """Result of comparing one contender's arrays with the reference."""

    equal: bool
    """Whether the contender may be timed as computing the same thing."""
    summary: str
    """What was compared and how far apart it is, for the table."""


@dataclass(frozen=True)
class Contender:
    """One row of a table: a side file, the interpreter it needs and its options."""

    name: str
    module: str
    interpreter: str = "main"
    """`main` is the interpreter of the series; any other word is looked up in `--python WORD=PATH`."""
    options: dict[str, Any] = field(default_factory=dict)
    prepare_limit_s: float = 600.0
    """Give up on importing, building and compiling after this many seconds."""
    optional: bool = False
    """Run only when named by `--only` or `--also`, because it is slow to prepare."""


@dataclass(frozen=True)
class Bench:
    """A question put to all contenders.

    Attributes:
        name: file name of the result and key given to `build`.
        title: the question in one line.
        text: what is computed, for the head of the table.
        make_inputs: random generator to named arrays (weights, spikes, targets).
        verify: compares one contender's `check()` with the reference for its declared formula.
        contenders: rows; the first one present is the one that ratios refer to.
        per: unit of one repetition, for the table (`step`, `biological second`).
        burst: a repetition is the mean of so many calls on end, after one that is not timed (0: one call, cold). Training
            takes its steps on end; alone after another process's, a step also pays for a cold processor.
    """

    name: str
    title: str
    text: str
    make_inputs: Callable[[np.random.Generator], dict[str, np.ndarray]]
    verify: Callable[[Arrays, Arrays, dict[str, Any]], Verdict]
    contenders: tuple[Contender, ...]
    per: str = "step"
    burst: int = 0
