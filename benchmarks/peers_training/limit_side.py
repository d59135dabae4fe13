"""Not a library: the work no implementation of a bench can avoid, timed in the same series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from benchmarks._protocol import Arrays, NotOffered, Options, Task

PACKAGES = ("torch", "numpy")


class LimitTask:
    """Repeats `work`; there is nothing to compare."""

    formula: ClassVar[dict[str, Any]] = {"limit": True}

    def __init__(self, work: Callable[[], object], notes: tuple[str, ...]) -> None:
        self._work, self.notes = work, notes

    def check(self) -> dict[str, np.ndarray]:
        self._work()
        return {}

    def step(self) -> None:
        self._work()


def _copies(inputs: Arrays) -> LimitTask:
    source = inputs["x"]
    targets = [np.zeros_like(source) for _ in range(3)]

    def work() -> None:
        for target in targets:
            np.copyto(target, source)

    moved = 2 * len(targets) * source.nbytes / 1e6
    return LimitTask(work, (f"{len(targets)} tensor copies, {moved:.0f} MB moved.",))


def _leaf(inputs: Arrays, name: str) -> Tensor:
    return torch.from_numpy(inputs[name]).requires_grad_()


def _feedforward(inputs: Arrays) -> LimitTask:
    x, weights = torch.from_numpy(inputs["x"]), [_leaf(inputs, name) for name in ("w1", "w2", "w3")]

    def work() -> None:
        y = x
        for w in weights:
            w.grad = None
            y = torch.nn.functional.linear(y, w)
        y.sum().backward()

    return LimitTask(work, ("dense products only, forward and backward.",))


def _recurrent(inputs: Arrays) -> LimitTask:
    x, weights = torch.from_numpy(inputs["x"]), [_leaf(inputs, name) for name in ("w1", "w2", "w3")]

    def work() -> None:
        for w in weights:
            w.grad = None
        drive = torch.nn.functional.linear(x, weights[0])
        s, out = torch.zeros_like(drive[0]), []
        for drive_t in drive.unbind(0):
            s = torch.addmm(drive_t, s, weights[1].T)
            out.append(s)
        torch.nn.functional.linear(torch.stack(out), weights[2]).sum().backward()

    return LimitTask(work, ("dense products only, forward and backward, the recurrent one step by step.",))


def _convolutional(inputs: Arrays) -> LimitTask:
    x, weights = torch.from_numpy(inputs["x"]).flatten(0, 1), [_leaf(inputs, name) for name in ("w1", "w2", "w3")]
    functional = torch.nn.functional

    def work() -> None:
        for w in weights:
            w.grad = None
        y = functional.max_pool2d(functional.conv2d(x, weights[0], padding=1), 2)
        y = functional.max_pool2d(functional.conv2d(y, weights[1], padding=1), 2)
        functional.linear(y.flatten(1), weights[2]).sum().backward()

    return LimitTask(work, ("convolutions, pooling and read-out only.",))


LIMITS = {
    "lif_scan": _copies,
    "lif_scan_sum": _copies,
    "cuba_scan": _copies,
    "adex_scan": _copies,
    "hodgkin_huxley_scan": _copies,
    "shd_feedforward": _feedforward,
    "shd_recurrent": _recurrent,
    "nmnist_conv": _convolutional,
}


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The limit of `bench`."""
    if bench not in LIMITS:
        raise NotOffered(f"no limit written for {bench}")
    return LIMITS[bench](inputs)
