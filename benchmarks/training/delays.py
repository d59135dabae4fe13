"""One layer of learnable delays, 700 to 256 cells, window of 25 steps. Run: `python -m benchmarks.training.delays`.

Four benches: linear and Gaussian interpolation, each as a first layer (no gradient to its input) and as a hidden one.
This file is also Ranvier's side.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks._protocol import Arrays, Bench, Contender, NotOffered, Options, Task, Verdict
from benchmarks.series import main
from benchmarks.training._network import spikes, weight

if TYPE_CHECKING:
    from torch import Tensor

PACKAGES = ("ranvier", "torch", "numpy")
STEPS, BATCH, SOURCES, TARGETS, LONGEST = 100, 64, 700, 256, 24
DENSITY, WIDTH = 0.05, 0.5
TOLERANCE = 1e-4
"""Largest relative difference (norms) between a contender's array and the float64 reference."""


def make_inputs(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """5 % input density; delays a little away from whole steps, where the linear kind has no derivative."""
    shape = (TARGETS, SOURCES)
    whole = generator.integers(0, LONGEST, shape)
    return {
        "x": spikes(generator, (STEPS, BATCH, SOURCES), DENSITY),
        "weight": weight(generator, shape, 0.0, 0.05),
        "delay": (whole + generator.uniform(0.02, 0.98, shape)).astype(np.float32),
        "upstream": generator.standard_normal((STEPS, BATCH, TARGETS), dtype=np.float32),
        "longest": np.array(LONGEST),
        "width": np.array(WIDTH),
    }


def reference(x: Tensor, weight: Tensor, delay: Tensor, interpolation: str) -> Tensor:
    """A dense kernel over all steps of the window and a convolution over time; [T, B, K] to [T, B, N]."""
    import torch

    away = torch.arange(LONGEST + 1, dtype=x.dtype) - delay.unsqueeze(-1)
    bell = (1 - away.abs()).relu() if interpolation == "linear" else torch.exp(-0.5 * (away / WIDTH) ** 2)
    kernel = weight.unsqueeze(-1) * bell / (bell.sum(-1, keepdim=True) + 1e-7)
    padded = torch.nn.functional.pad(x.permute(1, 2, 0), (LONGEST, 0))
    return torch.nn.functional.conv1d(padded, kernel.flip(-1)).permute(2, 0, 1)


def verify(inputs: Arrays, outputs: Arrays, declared: dict[str, Any]) -> Verdict:
    """Output and gradients against the reference in float64."""
    import torch

    leaves = {n: torch.from_numpy(inputs[n]).double().requires_grad_() for n in ("x", "weight", "delay")}
    out = reference(**leaves, interpolation=declared["interpolation"])
    out.backward(torch.from_numpy(inputs["upstream"]).double())
    expected = {"out": out.detach()} | {f"grad_{n}": leaf.grad for n, leaf in leaves.items()}
    errors = {n: float(np.linalg.norm(a - expected[n].numpy()) / expected[n].norm()) for n, a in outputs.items()}
    wanted = {"out", "grad_weight", "grad_delay"} | ({"grad_x"} if declared["input_gradient"] else set())
    worst = max(errors, key=errors.__getitem__)
    equal = errors.keys() == wanted and errors[worst] <= TOLERANCE
    return Verdict(equal, f"{', '.join(sorted(errors))} within {errors[worst]:.1g} of float64 (worst: {worst})")


class DelayTask:
    """Ranvier's layer, called as a network."""

    notes = ()

    def __init__(self, inputs: Arrays, options: Options) -> None:
        import torch

        import ranvier as rv
        from ranvier.units import ms

        self.formula = dict(options)
        bell = {} if options["interpolation"] == "linear" else {"width": float(inputs["width"]) * ms}
        delay = rv.Learn(inputs["delay"] * ms, max=int(inputs["longest"]) * ms)
        self._layer = rv.Linear(
            SOURCES, TARGETS, bias=False, delay=delay, interpolation=options["interpolation"], **bell
        )
        self._net = rv.Sequential(self._layer, dt=1 * ms)
        with torch.no_grad():
            self._layer.weight.copy_(torch.from_numpy(inputs["weight"]))
        self._x = torch.from_numpy(inputs["x"]).requires_grad_(options["input_gradient"])
        self._upstream = torch.from_numpy(inputs["upstream"])

    def _run(self) -> Tensor:
        self._net.zero_grad()
        self._x.grad = None
        out, _ = self._net(self._x)
        out.backward(self._upstream)
        return out

    def check(self) -> dict[str, np.ndarray]:
        """Output and gradients."""
        out = self._run().detach().numpy()
        grads = {"grad_weight": self._layer.weight.grad, "grad_delay": self._layer.delay.position.grad}
        grads |= {} if self._x.grad is None else {"grad_x": self._x.grad}
        return {"out": out} | {n: g.numpy() for n, g in grads.items()}

    def step(self) -> float:
        """Processor time of one forward and backward pass."""
        start = time.process_time()
        self._run()
        return time.process_time() - start


def build(bench: str, inputs: Arrays, options: Options) -> Task:
    """The task for `bench`."""
    if not bench.startswith("delays"):
        raise NotOffered(f"{bench} lives in another file")
    return DelayTask(inputs, options)


def _bench(interpolation: str, input_gradient: bool) -> Bench:
    options = {"interpolation": interpolation, "input_gradient": input_gradient}
    last = "to weights, delays and the input" if input_gradient else "to weights and delays"
    return Bench(
        name=f"delays_{interpolation}{'_hidden' if input_gradient else ''}",
        title=f"Learnable delays, {interpolation}, gradient {last}",
        text=f"""
T = {STEPS}, B = {BATCH}, {SOURCES} to {TARGETS} cells, {DENSITY:.0%} input density, a weight and a delay of 0 to
{LONGEST} steps for each synapse{f", width {WIDTH} step" if interpolation == "gaussian" else ""}; forward and backward,
dense upstream gradient, float32. Times are processor time.
""",
        make_inputs=make_inputs,
        verify=verify,
        contenders=(
            Contender("ranvier", "benchmarks.training.delays", options=options),
            Contender("dcls", "benchmarks.peers_training.dcls_side", "peers", options=options),
        ),
    )


BENCHES = tuple(_bench(kind, hidden) for kind in ("linear", "gaussian") for hidden in (False, True))

if __name__ == "__main__":
    for bench in BENCHES:
        main(bench)
