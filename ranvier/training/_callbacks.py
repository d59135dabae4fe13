"""What a user may do after every epoch."""

from __future__ import annotations

from typing import Protocol

from ranvier.network import Network
from ranvier.training._fit import Epoch

__all__ = ["Callback"]


class Callback(Protocol):
    """Any callable ``callback(epoch, net)``, called after every epoch, before its checkpoint; True ends the training.

    ``epoch`` is the :class:`Epoch`: ``epoch.train.loss``, ``epoch.valid.metrics["accuracy"]``, rates, learning rate.

    >>> fit = rv.train(net, data, epochs=10, callbacks=[lambda epoch, net: epoch.train.loss < 0.01])
    """

    def __call__(self, epoch: Epoch, net: Network, /) -> bool | None:
        """Look at the epoch; return True to end the training."""
        ...
