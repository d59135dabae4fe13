"""The reference as a provider: every scan and every product, one at a time."""

from __future__ import annotations

from ranvier.kernels.provider import DENSE, Offer, Refusal, Request, Runnable
from ranvier.kernels.reference import run_product, run_scan
from ranvier.kernels.tasks import DrawShape, PropagateShape, ScanShape, Shape, SynapseShape

__all__ = ["Reference", "provider"]


class Reference:
    """Runs on every device and in every dtype; refuses tasks of several populations."""

    name = "reference"

    def offer(self, shape: Shape, request: Request) -> Offer | Refusal:
        """Scans and products."""
        match shape:
            case ScanShape():
                return Offer("one step at a time in torch")
            case PropagateShape():
                return Offer("a product of torch", DENSE)
            case DrawShape():
                return Offer("counted numbers of NumPy")
            case SynapseShape():
                return Offer("every synapse in every step")
        return Refusal("the reference provider runs one population at a time")

    def build(self, shape: Shape, variant: str) -> Runnable:
        """The function that runs such a task."""
        match shape:
            case PropagateShape():
                return run_product
            case DrawShape():
                from ranvier.kernels.reference._draws import run_draw  # imported only when used

                return run_draw
            case SynapseShape():
                from ranvier.kernels.reference._synapses import run_synapses

                return run_synapses
        return run_scan


provider = Reference()
