"""The reference as a provider: every scan and every product, one at a time."""

from __future__ import annotations

from ranvier.kernels.provider import DENSE, Offer, Refusal, Request, Runnable
from ranvier.kernels.reference import run_product, run_scan
from ranvier.kernels.tasks import PropagateShape, ScanShape, Shape

__all__ = ["Reference", "provider"]


class Reference:
    """Runs on every device and in every dtype; refuses what joins several populations."""

    name = "reference"

    def offer(self, shape: Shape, request: Request) -> Offer | Refusal:
        """Scans and products."""
        match shape:
            case ScanShape():
                return Offer("one step at a time in torch")
            case PropagateShape():
                return Offer("a product of torch", DENSE)
        return Refusal("the reference provider runs one population at a time")

    def build(self, shape: Shape, variant: str) -> Runnable:
        """The function that runs such a task."""
        return run_scan if isinstance(shape, ScanShape) else run_product


provider = Reference()
