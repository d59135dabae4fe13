"""Learnable delays by dilated convolution with learnable spacings (package `dcls`, import name `DCLS`)."""

from __future__ import annotations

import time

import numpy as np
import torch
from DCLS.construct.modules import Dcls1d
from torch import Tensor

from benchmarks._protocol import Arrays, NotOffered, Options, Task

PACKAGES = ("dcls", "torch")
_LEAST_WIDTH = 0.27
"""What the package adds to its width parameter."""


class DelayTask:
    """Forward and backward of one layer of delays, [T, B, K] to [T, B, N]; the package sees [B, K, T].

    The convolution is padded in front only, so position 0 of the package's kernel is the longest delay.
    """

    def __init__(self, inputs: Arrays, options: Options) -> None:
        self.formula = {"interpolation": options["interpolation"], "input_gradient": options["input_gradient"]}
        gaussian = options["interpolation"] == "gaussian"
        self.notes = (
            ("numbers too small for full precision flushed to zero, without which it is twice as slow",)
            if gaussian
            else ()
        )
        torch.set_flush_denormal(True)
        delay, weight = (torch.from_numpy(inputs[n]) for n in ("delay", "weight"))
        longest = int(inputs["longest"])
        targets, sources = weight.shape
        self._layer = Dcls1d(
            sources,
            targets,
            kernel_count=1,
            dilated_kernel_size=longest + 1,
            bias=False,
            version="gauss" if gaussian else "v1",
        )
        with torch.no_grad():
            self._layer.weight[..., 0] = weight
            self._layer.P[0, ..., 0] = longest - delay - (longest + 1) // 2
            if gaussian:
                self._layer.SIG.fill_(float(inputs["width"]) - _LEAST_WIDTH)
                self._layer.SIG.requires_grad_(False)
        self._padding = (longest, 0)
        self._x = torch.from_numpy(inputs["x"]).permute(1, 2, 0).contiguous().requires_grad_(options["input_gradient"])
        self._upstream = torch.from_numpy(inputs["upstream"]).permute(1, 2, 0).contiguous()

    def _run(self) -> Tensor:
        self._layer.zero_grad()
        self._x.grad = None
        out = self._layer(torch.nn.functional.pad(self._x, self._padding))
        out.backward(self._upstream)
        return out

    def check(self) -> dict[str, np.ndarray]:
        out = self._run().detach().permute(2, 0, 1)
        found = {
            "out": out.numpy(),
            "grad_weight": self._layer.weight.grad[..., 0].numpy(),
            "grad_delay": -self._layer.P.grad[0, ..., 0].numpy(),
        }
        return found if self._x.grad is None else {**found, "grad_x": self._x.grad.permute(2, 0, 1).numpy()}

    def step(self) -> float:
        start = time.process_time()
        self._run()
        return time.process_time() - start


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if not bench.startswith("delays"):
        raise NotOffered(f"the package has no neurons, so no {bench}")
    return DelayTask(inputs, options)
