"""What a user may do after every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._fit import Epoch

__all__ = ["Callback", "call", "check_callbacks"]


class Callback(Protocol):
    """Any callable ``callback(epoch, net)``, called after every epoch, before its checkpoint; True ends the training.

    ``epoch`` is the :class:`Epoch`: ``epoch.train.loss``, ``epoch.valid.metrics["accuracy"]``, rates, learning rates, and all
    of them by name in ``epoch.numbers()``.

    >>> fit = rv.train(net, data, epochs=10, callbacks=[lambda epoch, net: epoch.train.loss < 0.01])
    """

    def __call__(self, epoch: Epoch, net: Network, /) -> bool | None:
        """Look at the epoch; return True to end the training."""
        ...


def check_callbacks(callbacks: Sequence[Callback]) -> None:
    """Raise where one of them cannot be called after an epoch."""
    for callback in callbacks:
        if not callable(callback) or isinstance(callback, type):
            raise TrainingError(
                f"callbacks has {callback!r}, which is no callback: give functions (epoch, net), or objects such as "
                f"rv.training.TensorBoard('runs/first')."
            )


def call(callback: Callback, epoch: Epoch, net: Network) -> bool:
    """Call after an epoch; whether the training is to end.

    Raises
    ------
    TrainingError
        Where the answer is neither nothing nor a truth value. What a callback raises gets a note that names it.
    """
    name = getattr(callback, "__qualname__", type(callback).__qualname__)
    try:
        wish = callback(epoch, net)
    except Exception as error:
        error.add_note(f"callback {name} raised this after epoch {epoch.epoch}, before the checkpoint of that epoch.")
        raise
    if wish is None or isinstance(wish, bool | np.bool_):
        return bool(wish)
    if isinstance(wish, torch.Tensor) and wish.dtype == torch.bool and wish.numel() == 1:
        return bool(wish)
    what = f"{type(wish).__name__} {str(wish)[:60]}"
    raise TrainingError(f"callback {name} gave {what}: return True to end the training, else False or nothing.")
