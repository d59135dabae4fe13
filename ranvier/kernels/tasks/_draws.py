"""Draws: counted random numbers, and the rows of synapses made from them. The numbers depend on no provider."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ranvier.kernels.tasks._rows import RowDraw
from ranvier.values import CountLaw

__all__ = [
    "BernoulliRows",
    "Counts",
    "DistinctRows",
    "Divided",
    "DividedDistinct",
    "Draw",
    "Normals",
    "RepeatedRows",
    "RowUniforms",
    "StepSpikes",
    "Transposed",
    "Uniforms",
]


class Uniforms(NamedTuple):
    """``count`` float64 numbers strictly between 0 and 1, those of ``ranvier.values.uniforms``."""

    key: tuple[int, int]
    count: int
    step: int = 0
    stream: int = 0
    start: int = 0


class Normals(NamedTuple):
    """Float32 standard normal numbers [steps, batch, cells], those of ``ranvier.values.normal_numbers``."""

    key: tuple[int, int, int]
    first: int
    steps: int
    cells: int
    batch: int = 1


class Counts(NamedTuple):
    """Counts [steps, batch, cells] of spikes in steps first, first + 1, …, those of ``ranvier.values.counts``, as floats."""

    law: CountLaw
    key: tuple[int, int, int]
    first: int
    steps: int
    cells: int
    batch: int = 1
    dtype: torch.dtype = torch.float32


class StepSpikes(NamedTuple):
    """The counts of sample 0 as a list of spikes: a cell stands in it as often as it counts."""

    law: CountLaw
    key: tuple[int, int, int]
    first: int
    steps: int
    cells: int


class RowUniforms(NamedTuple):
    """Float64 numbers strictly between 0 and 1, one per synapse: number j of the stream of its row for synapse j."""

    draw: RowDraw
    row_pointer: np.ndarray


class RepeatedRows(NamedTuple):
    """Int32 targets [row_pointer[-1]], each any choice with equal probability, repetitions allowed; ascending in each row."""

    draw: RowDraw
    row_pointer: np.ndarray


class DistinctRows(NamedTuple):
    """Int32 targets [row_pointer[-1]], all subsets of the choices of a row with equal probability; ascending in each row."""

    draw: RowDraw
    row_pointer: np.ndarray


class BernoulliRows(NamedTuple):
    """Row pointer (int64) and int32 targets where every choice of each of ``rows`` rows is taken with probability p.

    0 < p < 1.
    """

    draw: RowDraw
    rows: int
    p: float


class Divided(NamedTuple):
    """Int64 [rows]: how often each row is hit by ``total`` draws with replacement (multinomial)."""

    key: tuple[int, int]
    total: int
    rows: int
    stream: int = 0


class DividedDistinct(NamedTuple):
    """Int64 [rows]: how many of ``total`` places, drawn without replacement, lie in each row of ``choices`` places.

    A row is drawn and kept with the probability that a place drawn in it is still free (multivariate hypergeometric);
    above one half the free places are divided instead. Two streams are used.
    """

    key: tuple[int, int]
    total: int
    rows: int
    choices: int
    stream: int = 0


class Transposed(NamedTuple):
    """The same pairs by column: for each target its rows, in rising order; row pointer (int64) and int32 rows."""

    row_pointer: np.ndarray
    target: np.ndarray
    columns: int


Draw = (
    Uniforms | Normals | Counts | StepSpikes | RowUniforms | RepeatedRows | DistinctRows | BernoulliRows | Divided | DividedDistinct
    | Transposed
)  # fmt: skip
