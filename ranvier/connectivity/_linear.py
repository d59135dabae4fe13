"""All-to-all connections with a weight, and if wanted a delay, per synapse."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ranvier.connectivity._delayed_kernel import DelayedKernel
from ranvier.connectivity._matrix import Matrix
from ranvier.connectivity._memory import check_weights
from ranvier.connectivity.bound import BoundTransform
from ranvier.connectivity.delays import latency_steps
from ranvier.errors import ShapeError
from ranvier.kernels.products import carried
from ranvier.kernels.provider import Runnable
from ranvier.kernels.tasks import DelayedMatrixProduct, MatrixProduct
from ranvier.storages import Storage, Stored
from ranvier.values import is_whole

__all__ = ["Linear", "latency_steps"]

Tensor = torch.Tensor


class Linear(DelayedKernel, Matrix, nn.Linear):
    """y = W x + b at every step: ``weight`` [out, in], ``bias`` [out].

    Spikes are summed by event (cost: spikes times fan-out), dense input goes to the matrix library; gradients are exact
    either way.

    Parameters
    ----------
    delay
        How much later a spike arrives: one time, an array [out, in], a distribution, or ``rv.Learn(…, max=…)`` for
        delays that training moves (parameter ``delay.position``, ms).
    per
        ``"synapse"``, or one delay for each cell of a side: ``"pre"`` (an array is then [in]), ``"post"`` ([out]).
    interpolation, width
        Of learnable delays: ``"linear"``, or ``"gaussian"`` with a width (a time or ``rv.Learn``).
    sign
        Dale's law: 1 (excitatory) or -1 (inhibitory) for all weights, or an array [in] with the sign of every input
        cell (0: free). Weights start on their side and are kept there; one that is pushed across counts as 0.
    storage
        How the weights lie in memory, such as ``rv.storages.Int8()``; None: as floats of ``dtype``. While they learn, a
        float parameter is written to storage and read back at every use. :func:`ranvier.store_weights` keeps the stored
        numbers alone.

    >>> layer = rv.Linear(700, 256, delay=rv.Learn(rv.Uniform(0*ms, 25*ms), max=25*ms))
    """

    event_path = True
    arguments = ("in_features", "out_features")

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, delay: Any = None, per: str = "synapse",
        interpolation: str = "linear", width: Any = None, sign: Any = None, storage: Storage | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:  # fmt: skip
        for label, n in (("in_features", in_features), ("out_features", out_features)):
            if not is_whole(n):
                raise ShapeError(f"Linear: {label}={n!r} must be a positive whole number.")
        check_weights(
            in_features * out_features,
            delay is not None,
            f"Linear({in_features:,}, {out_features:,})",
            "use fewer cells, or net.connect with a sparse rule such as rv.FixedProbability",
        )
        super().__init__(in_features, out_features, bias, dtype=dtype)
        self.keep_storage(storage)
        self.keep_delay(delay, per, interpolation, width)
        self.keep_sign(sign)

    def forward(
        self,
        x: Tensor,
        history: Tensor | None = None,
        bound: BoundTransform | None = None,
        carrier: Runnable | None = None,
    ) -> Tensor:
        """``x`` [..., in] -> [..., out]; with ``history`` and ``bound`` as :meth:`delayed`, else without delay."""
        if history is not None and bound is not None:
            return self.delayed(x, history, bound, carrier)
        if x.shape[-1] != self.in_features:
            raise ShapeError(
                f"Linear expects {self.in_features} features in the last axis, got an input of shape {tuple(x.shape)}."
            )
        return self.product(x, self.weight_for(True), self.bias, carrier)

    def product(
        self, x: Tensor, weight: Tensor | Stored, bias: Tensor | None = None, carrier: Runnable | None = None
    ) -> Tensor:
        """``x`` [..., in] -> [..., out], by event where the ``carrier`` says so."""
        return carried(carrier, MatrixProduct(x, weight, bias))

    def delayed(
        self, x: Tensor, history: Tensor, bound: BoundTransform, carrier: Runnable | None = None,
        held: tuple[Tensor, Tensor | None] | None = None,
    ) -> Tensor:  # fmt: skip
        """``x`` [T, B, …, in] with every synapse's own delay; ``history`` [D, B, …, in] are the steps before."""
        weight, bias = (self.effective_weight(), self.bias) if held is None else held
        taps, first = bound.taps(weight)
        lead = x.shape[1:-1]
        if len(lead) != 1:
            x, history = x.flatten(1, -2), history.flatten(1, -2)
        out = carried(carrier, DelayedMatrixProduct(x, taps, first, history))
        out = out.unflatten(1, lead) if len(lead) != 1 else out
        return out if bias is None else out + bias
