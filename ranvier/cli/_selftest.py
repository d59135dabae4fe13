"""A two-second proof that a provider computes what the reference does, on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from ranvier.errors import RanvierError
from ranvier.kernels import eager, registry
from ranvier.kernels.provider import Provider, Refusal, Runnable
from ranvier.kernels.tasks import Scan, ScanResult, ScanShape
from ranvier.neurons import ALIF, LIF, Cell, CurrentLIF
from ranvier.surrogates import ArcTan
from ranvier.units import as_quantity

__all__ = ["Verdict", "selftest"]

Tensor = torch.Tensor
_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}


@dataclass(frozen=True)
class Verdict:
    """A provider, whether it agrees with the reference, the largest relative difference, and the seconds it took."""

    provider: str
    usable: bool
    why: str
    seconds: float


@dataclass(frozen=True)
class _Request:
    device: str
    dtype: torch.dtype
    gradient: bool = True
    single: bool = False
    few: bool = False
    step: bool = False


def selftest() -> list[Verdict]:
    """Try every provider on small scans, forward and gradient, float32 and float64."""
    base = registry.specification()
    others = (p for p in registry.providers() if p is not base)
    return [Verdict(base.name, True, "the specification", 0.0), *(_against(p, base) for p in others), _cuda()]


def _against(provider: Provider, specification: Provider) -> Verdict:
    start = time.perf_counter()
    worst = 0.0

    def verdict(usable: bool, why: str) -> Verdict:
        return Verdict(provider.name, usable, why, time.perf_counter() - start)

    try:
        for dtype in (torch.float64, torch.float32):
            for cell, kicks in ((LIF(), ()), (ALIF(), ()), (CurrentLIF(), ("I",))):
                shape, request = ScanShape(cell.name, cell.step(kicks)), _Request("cpu", dtype)
                found = registry.answer(provider, shape, request)
                if isinstance(found, Refusal):
                    return verdict(False, found.sentence)
                pair = [p.build(shape, v) for p, v in ((specification, ""), (provider, found.variant))]
                error = _difference(cell, kicks, dtype, pair)
                worst = max(worst, error / _TOLERANCE[dtype])
                if error > _TOLERANCE[dtype]:
                    number = str(dtype).removeprefix("torch.")
                    return verdict(False, f"{cell.name} in {number} differs from the reference by {error:.1e}")
    except (RanvierError, RuntimeError, OSError) as error:
        return verdict(False, f"{type(error).__name__}: {error}")
    return verdict(True, f"equals the reference (worst difference {worst:.0e} of the tolerance)")


def _cuda() -> Verdict:
    if not torch.cuda.is_available():
        return Verdict("cuda", False, "no CUDA device is visible to torch", 0.0)
    return Verdict(
        "cuda", False, "this version has no CUDA kernels; networks on a GPU run on the reference provider", 0.0
    )


def _difference(cell: Cell, kicks: tuple[str, ...], dtype: torch.dtype, pair: list[Runnable]) -> float:
    """Largest relative difference in spikes, states and gradients over 40 steps of 37 cells."""
    step = cell.step(kicks)
    values = {n: torch.tensor(float(as_quantity(v).value), dtype=torch.float64) for n, v in cell.parameters.items()}
    values |= {n: torch.tensor(v, dtype=torch.float64) for n, v in ArcTan().values.items()}
    coefficients = eager.coefficients(step, values, 1.0)
    generator = torch.Generator().manual_seed(0)
    streams = {n: torch.rand(40, 37, generator=generator, dtype=torch.float64).to(dtype) for n in step.streams}
    starts = {
        n: torch.full((37,), float(as_quantity(cell.initial.get(n, 0.0)).value), dtype=dtype)
        for n in (*step.states, *step.counters)
    }

    def run(scan: Runnable) -> list[Tensor]:
        given = {n: x.clone().requires_grad_() for n, x in streams.items()}
        result: ScanResult = scan(Scan(step, 40, (37,), dtype, given, starts, coefficients, ("spike",)))
        finals = [result.states[n] for n in step.states]
        total = result.emitted["spike"].sum() + torch.stack([f.sum() for f in finals]).sum()
        total.backward()
        return [
            result.emitted["spike"].detach(),
            *(f.detach() for f in finals),
            *(g.grad for g in given.values() if g.grad is not None),
        ]

    pairs = zip(*(run(scan) for scan in pair), strict=True)
    return max(float((a - b).abs().max() / a.abs().max().clamp(min=1e-6)) for a, b in pairs)
