"""The examples of SpikingJelly."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import ranvier as rv
from tests.peers import samples
from tests.peers.port import Port, Samples

__all__ = ["PORTS"]


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def _state(*parts: nn.Module | None, gain: float = 2.0) -> dict[str, Tensor]:
    """A state of ``nn.Sequential(*parts)``, None being a part without tensors: weights of ``gain``/sqrt(inputs) on a grid of 1/256."""
    state, seed = nn.Sequential(*(nn.Identity() if part is None else part for part in parts)).state_dict(), _seeded()
    for name, tensor in state.items():
        drawn = 2 * torch.rand(tensor.shape, generator=seed) - 1
        if tensor.ndim > 1:
            state[name] = (256 * gain * drawn / tensor[0].numel() ** 0.5).round() / 256
        elif name.endswith("bias"):
            state[name] = (25.6 * drawn).round() / 256
        elif name.endswith("running_var"):
            state[name] = 0.125 + 0.025 * drawn
    return state


def _stage(before: int, after: int, size: int = 3, bias: bool = False) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, after, size, bias=bias), nn.BatchNorm2d(after)


def _dense() -> dict[str, Any]:
    weight = _state(None, nn.Linear(64, 10, bias=False), gain=4.0)["1.weight"]
    spikes = torch.rand(40, 3, 1, 8, 8, generator=_seeded()) < 0.3
    return {"x": spikes.float(), "state": {"1.weight": weight + 1 / 16}}


def _images(count: int) -> Tensor:
    return torch.rand(count, 1, 8, 8, generator=_seeded())


def _convolutions() -> dict[str, Any]:
    dense = None, None, nn.Linear(12, 48, bias=False), None, nn.Linear(48, 10, bias=False)
    return {"x": _images(5), "state": _state(*_stage(1, 3), None, None, *_stage(3, 3), None, *dense)}


def _events() -> dict[str, Any]:
    dense = None, None, nn.Linear(12, 20), None, None, nn.Linear(20, 100)
    state = _state(*_stage(2, 3), None, None, *_stage(3, 3), None, None, *dense, gain=5.0)
    return {"x": torch.poisson(torch.full((12, 3, 2, 8, 8), 0.4), generator=_seeded()), "state": state}


def _residual() -> dict[str, Any]:
    def block(before: int, after: int, *past: nn.Module) -> nn.Module:
        made = nn.Module()
        made.branch = nn.Sequential(*_stage(before, after), nn.Identity(), *_stage(after, after))
        made.past = nn.Sequential(*past)
        return made

    head = None, None, nn.Linear(6, 10)
    return {"x": _images(5), "state": _state(*_stage(1, 3), None, block(3, 3), block(3, 6, *_stage(3, 6, 1)), *head)}


def _converted() -> dict[str, Any]:
    dense = None, None, nn.Linear(8, 64), None, nn.Linear(64, 10)
    stages = *_stage(1, 2, bias=True), None, None, *_stage(2, 2, bias=True)
    return {"x": _images(6), "state": _state(*stages, None, *dense)}


def _levels() -> dict[str, Any]:
    """Membranes below and above the threshold, none at a kink of a surrogate."""
    return {"levels": torch.linspace(-1.52, 3.6, 40).reshape(1, 1, 40)}


def _pairs() -> dict[str, Any]:
    seed = _seeded()
    return {
        "x": (torch.rand(128, 1, 4, generator=seed) > 0.7).float(),
        "w": torch.randint(16, 40, (3, 4), generator=seed) / 64,
    }


def moving(train: int = 1000, test: int = 200) -> Samples:
    """The digits of scikit-learn, one pixel further in every step, as an event camera sees them: x [S, 8, 2, 8, 8]."""
    sets = rv.data.load("digits")
    pairs = [sets.train.take(range(train)).tensors(), sets.test.take(range(test)).tensors()]
    found = []
    for images, y in pairs:
        change = torch.stack([images.roll(k, -1) for k in range(9)], 1).diff(dim=1)
        found += [torch.stack([(change > 0.2).float(), (change < -0.2).float()], 2), y]
    return Samples(*found)


_few = partial(samples.digits, 500, 200)

PORTS = (
    Port(
        "spikingjelly", "lif_fc_mnist", "one layer of leaky cells, random spikes", _dense,
        quick=_few, samples=samples.mnist, data="images of MNIST", epochs=6, quick_epochs=6, enough=lambda s: s > 0.5,
    ),
    Port(
        "spikingjelly", "conv_fashion_mnist", "convolutions and integrate-and-fire cells", _convolutions,
        quick=_few, samples=samples.mnist, data="images of MNIST", epochs=4, quick_epochs=4, enough=lambda s: s > 0.5,
    ),
    Port(
        "spikingjelly", "classify_dvsg", "frames of events, dropout, voting", _events,
        quick=moving, samples=partial(samples.nmnist, steps=8, train=320), data="recordings of N-MNIST", epochs=6, quick_epochs=6, enough=lambda s: s > 0.4,
    ),
    Port("spikingjelly", "stdp", "spike-timing-dependent plasticity", _pairs),
    Port(
        "spikingjelly", "ann2snn", "conversion of a trained network, 32 steps", _converted,
        quick=_few, samples=samples.mnist, data="images of MNIST", epochs=4, quick_epochs=4, enough=lambda s: s > 0.7,
        tolerance=1e-5,  # torch.quantile finds its place in float32
    ),
    Port(
        "spikingjelly", "sew_resnet", "residual blocks that add spikes", _residual,
        quick=_few, samples=lambda folder: samples.digits(), data="digits of scikit-learn", epochs=4, quick_epochs=4, enough=lambda s: s > 0.5,
    ),
    Port("spikingjelly", "surrogates", "beside the examples: fifteen surrogates", _levels, spikes=False),
)  # fmt: skip
