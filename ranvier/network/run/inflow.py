"""Arrivals at one part during some steps, summed by port."""

from __future__ import annotations

import torch

from ranvier.errors import ShapeError

__all__ = ["Inflow"]

Tensor = torch.Tensor


class Inflow:
    """Arrivals [T, B, …] by port, and zeros of their shape whose gradient goes back to the cells before, where there are some.

    ``ports`` and ``back`` are these sums; :meth:`add` takes what one more projection brings.
    """

    __slots__ = ("back", "ports")

    def __init__(self, ports: dict[str, Tensor] | None = None, back: dict[str, Tensor] | None = None) -> None:
        self.ports: dict[str, Tensor] = {} if ports is None else ports
        self.back: dict[str, Tensor] = {} if back is None else back

    def add(self, port: str, value: Tensor, back: Tensor | None = None) -> None:
        """Add what arrives at ``port``.

        Raises
        ------
        ShapeError
            Earlier arrivals at the port have another shape.
        """
        _add(self.ports, port, value)
        if back is not None:
            _add(self.back, port, back)

    def part(self, first: int, count: int) -> Inflow:
        """``count`` steps from step ``first``."""
        last = first + count
        return Inflow(
            {port: x[first:last] for port, x in self.ports.items()},
            {port: x[first:last] for port, x in self.back.items()},
        )


def _add(sums: dict[str, Tensor], port: str, value: Tensor) -> None:
    try:
        sums[port] = sums[port] + value if port in sums else value
    except RuntimeError:
        shapes = f"{tuple(sums[port].shape)} and {tuple(value.shape)}"
        raise ShapeError(
            f"projections into port {port!r} bring {shapes} [T, B, …], which cannot be added: make them equal."
        ) from None
