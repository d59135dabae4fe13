"""The numbers of every epoch for TensorBoard."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.training._fit import Epoch

__all__ = ["TensorBoard"]


class TensorBoard:
    """A callback that writes ``epoch.numbers()`` as scalars: losses, metrics, rates of spikes, learning rates, seconds.

    Parameters
    ----------
    folder
        Where TensorBoard reads. A resumed training continues there, and replaces the epochs that it repeats.
    writer
        An object with ``add_scalar(name, value, step)`` and ``flush()`` to write to instead.

    Raises
    ------
    TrainingError
        Where neither is given, or the package ``tensorboard`` is missing.

    >>> numbers = rv.training.TensorBoard("runs/first")
    >>> fit = rv.train(net, data, valid, epochs=5, callbacks=[numbers])
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, writer: Any = None) -> None:
        if (folder is None) == (writer is None):
            raise TrainingError("TensorBoard takes a folder, or a writer of your own: give one of them.")
        if writer is None and find_spec("tensorboard") is None:
            raise TrainingError("TensorBoard(folder) needs the package tensorboard: pip install 'ranvier[tensorboard]'")
        self.folder, self._writer = folder, writer

    def __call__(self, epoch: Epoch, net: Network, /) -> None:
        """Write the numbers of an epoch."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(os.fspath(self.folder or ""), purge_step=epoch.epoch)
        for name, value in epoch.numbers().items():
            self._writer.add_scalar(name, value, epoch.epoch)
        self._writer.flush()
