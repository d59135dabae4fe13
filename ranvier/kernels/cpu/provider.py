"""The cpu provider: which tasks it runs, and by which of its kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from ranvier.errors import ProviderError
from ranvier.kernels import cpu
from ranvier.kernels.cpu.host.tuning import TUNING, Tuning
from ranvier.kernels.cpu.propagate import run_by_event, run_dense
from ranvier.kernels.provider import DENSE, EVENT, Offer, Refusal, Request, Runnable
from ranvier.kernels.reference import run_product
from ranvier.kernels.tasks import (
    CircuitShape,
    DrawShape,
    Fused,
    FusedShape,
    PropagateShape,
    ScanResult,
    ScanShape,
    Shape,
    SynapseShape,
)

if TYPE_CHECKING:
    from ranvier.kernels.cpu.circuit.trials import Trials
    from ranvier.kernels.cpu.fused.calls import FusedCalls
    from ranvier.kernels.cpu.fused.series import FusedSeries
    from ranvier.kernels.cpu.fused.step import FusedStep

__all__ = ["Cpu", "provider"]

#: below this many targets listing the spikes costs more than it saves
_FEW = 48
#: the way of a fused task that is one step in each call
_STEP = "step"
#: the way of a product that torch computes under its autocast
_HALF = "half"


class Cpu:
    """Generated vector code for this processor, in float32 and float64; ``trials`` choose the threads of circuits."""

    def __init__(self, name: str = "cpu", tuning: Tuning = TUNING, trials: Trials | None = None) -> None:
        self.name, self.tuning, self._trials = name, tuning, trials

    def offer(self, shape: Shape, request: Request) -> Offer | Refusal:
        """Offers to run everything on the CPU; circuits and neighbouring parts where that pays."""
        if request.device != "cpu":
            return Refusal(f"the cpu provider runs on the CPU, the network lives on {request.device}")
        if request.dtype not in (torch.float32, torch.float64):
            return Refusal(f"the cpu provider has float32 and float64, not {request.dtype}")
        match shape:
            case ScanShape():
                return Offer(_scan(shape))
            case PropagateShape():
                return _product(shape)
            case CircuitShape():
                return _circuit(shape, request)
            case DrawShape():
                return Offer("counted numbers as vector code")
            case SynapseShape():
                return Refusal("the cpu provider runs plastic synapses inside a circuit")
            case FusedShape() if request.step:
                return Offer("one operation, one step in each call", _STEP, repeats=True, stored=True, graded=True)
            case FusedShape():
                stored = all(s.compiles for s in shape.storages)
                # in a cycle a sum of dense rows would begin elsewhere than one carried beforehand, and a cut could change bits
                graded = request.few and shape.window is None
                return Offer("one operation", repeats=True, stored=stored, calls=True, graded=graded)

    def build(self, shape: Shape, variant: str) -> Runnable:
        """The function that runs such a task; kernels are compiled, and kept, when it first does."""
        match shape:
            case ScanShape():
                return cpu.run_scan
            case CircuitShape():
                self._trials = self._trials or cpu.Trials(self.tuning.trials)
                return cpu.Circuits(self.tuning, self._trials)
            case FusedShape():
                return _FusedSteps(self.tuning) if variant == _STEP else _Fused(self.tuning)
            case DrawShape():
                return cpu.run_draw
            case PropagateShape():
                return run_product if variant == _HALF else run_by_event if variant == EVENT else run_dense
            case SynapseShape():
                raise ProviderError("plastic synapses by themselves were refused: ask the reference provider.")

    def kept(self) -> str:
        """Where compiled kernels lie, how many and how large."""
        from ranvier.kernels.cpu.llvm import store  # imported only when asked for

        files, size = store.cache_size()
        return f"{store.cache_folder()}, {files} kernels, {size / 2**20:.1f} MiB"


class _Fused:
    """Runs a fused task by itself, or opens a session."""

    def __init__(self, tuning: Tuning) -> None:
        self.tuning = tuning

    def __call__(self, task: Fused) -> Mapping[str, ScanResult]:
        return cpu.run_fused(task, self.tuning)

    def open(self, task: Fused) -> FusedSeries | None:
        """Set up once, where the task allows it."""
        return cpu.FusedSeries(task, self.tuning) if cpu.FusedSeries.suits(task) else None

    def open_calls(
        self, task: Fused, tensors: Sequence[torch.Tensor], most: float, gradient: bool
    ) -> FusedCalls | None:
        """Set up once for calls of this shape, where the task allows it."""
        from ranvier.kernels.cpu.fused.calls import open_calls  # imported only by who calls a small network again

        return open_calls(task, tensors, most, gradient, self.tuning)


class _FusedSteps:
    """Runs a fused task of one step by itself, or opens it for many."""

    def __init__(self, tuning: Tuning) -> None:
        self.tuning = tuning

    def __call__(self, task: Fused) -> Mapping[str, ScanResult]:
        return cpu.run_fused(task, self.tuning)

    def open(self, task: Fused, watched: Sequence[torch.Tensor], most: float) -> FusedStep | None:
        """Set up once, where the task allows it."""
        from ranvier.kernels.cpu.fused.step import FusedStep  # imported only by who calls step by step

        return FusedStep(task, watched, most, self.tuning) if FusedStep.suits(task, self.tuning) else None


def _scan(shape: ScanShape) -> str:
    """The way of a population: step by step, also where its steps could be put together (``benchmarks/training/linear_scan.py``)."""
    way = "generated vector code for this processor"
    if shape.step.linearity.refusal is not None:
        return way
    return f"{way}, step by step (linear in time, but pieces of time in parallel take longer)"


def _product(shape: PropagateShape) -> Offer:
    if shape.half is not None:
        return Offer(f"by torch, in {str(shape.half).removeprefix('torch.')}", _HALF)
    if shape.follows is not None:
        return Offer(shape.follows, EVENT)
    stored = shape.storage is not None and shape.storage.compiles
    if not shape.between and shape.dense is not None:
        return Offer(shape.dense, DENSE)
    if not shape.between and shape.targets is not None and shape.targets < _FEW:
        return Offer(f"only {shape.targets} targets: a dense product is cheaper", DENSE)
    if shape.graded:
        return Offer(f"{shape.pre} is dense", DENSE)
    return Offer(f"by event: cost follows the spikes of {shape.pre}", EVENT, stored=stored)


def _circuit(shape: CircuitShape, request: Request) -> Offer | Refusal:
    if request.gradient:
        return Refusal("a gradient is asked for")
    pieces = request.single
    samples = "" if request.single else ", all samples together" if shape.stacks else ", sample by sample"
    stored = all(s.compiles for s in shape.storages)
    return Offer(f"one compiled circuit{samples}", stored=stored, exchanges=True, pieces=pieces)


provider = Cpu()
