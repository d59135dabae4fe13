"""Bells that narrow while a network learns its delays."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ranvier.connectivity.delays import DelayError, delays_of, times_of

__all__ = ["DelayWidth"]


class DelayWidth:
    """Narrows the bells of Gaussian delays from epoch to epoch, as a callback of ``rv.train``.

    ``width(e) = start (stop / start)**min(1, e / epochs)`` after e epochs (Hammouamri et al. 2023 take half the longest
    delay to half a step over the first quarter of training).

    >>> fit = rv.train(net, data, epochs=4, callbacks=[rv.DelayWidth(12*ms, 0.5*ms, epochs=2)])
    """

    def __init__(self, start: Any, stop: Any, *, epochs: int) -> None:
        self.start, self.stop = (float(times_of(w, 1, 0, "DelayWidth")) for w in (start, stop))
        self.epochs = epochs
        if min(self.start, self.stop) <= 0 or epochs < 1:
            raise DelayError(
                f"DelayWidth({start!r}, {stop!r}, epochs={epochs!r}): widths are positive times, epochs 1 or more."
            )

    def at(self, epoch: int) -> float:
        """The width in ms after ``epoch`` epochs."""
        return self.start * (self.stop / self.start) ** min(1.0, epoch / self.epochs)

    def __call__(self, epoch: Any, net: nn.Module) -> None:
        """Set the width for the next epoch; ``epoch`` is the number of those done, or a record of the last one."""
        width = self.at(getattr(epoch, "epoch", epoch))
        with torch.no_grad():
            for delays in delays_of(net):
                if delays.width is not None:
                    delays.width.fill_(width)
