"""The tutorials of snnTorch: inputs and weights of each, and the samples that it learns from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.peers.port import Port, Samples
from tests.peers.samples import digits, mnist, moving_digits, nmnist

__all__ = ["PORTS"]


def _drawn(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _uniform(draw: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Numbers on a grid of 1/64, which float32 holds and a file keeps small."""
    return torch.round(64 * (low + (high - low) * torch.rand(*shape, generator=draw))) / 64


def _weights(draw: torch.Generator, **shapes: tuple[float, float, tuple[int, ...]]) -> dict[str, Tensor]:
    """``fc1=(low, high, shape)``: a weight and a bias by the names of torch."""
    out = {}
    for name, (low, high, shape) in shapes.items():
        out |= {
            f"{name}.weight": _uniform(draw, low, high, *shape),
            f"{name}.bias": _uniform(draw, -0.1, 0.1, shape[0]),
        }
    return out


def _encoding() -> dict[str, Any]:
    """Images from 0 to 1, drawings of 0 and 1, and the series of the tutorial."""
    draw = _drawn()
    series = torch.tensor([0.0, 1, 0, 2, 8, -20, 20, -5, 0, 1, 0]).unsqueeze(1)
    drawings = (torch.rand(4, 1, 8, 8, generator=draw) < 0.3).float()
    return {"images": _uniform(draw, 0, 1, 4, 1, 8, 8), "drawings": drawings, "series": series}


def _lapicque() -> dict[str, Any]:
    """Pulses of four widths, two currents from step 10 on, and random spikes."""
    step = torch.arange(200)
    pulses = [h * ((step >= 10) & (step < 10 + w)) for w, h in ((20, 0.125), (10, 0.140625), (5, 0.1875), (1, 0.5))]
    currents = [h * (step >= 10) for h in (0.203125, 0.296875)]
    spikes = torch.rand(200, 1, generator=_drawn()) < 0.4
    return {"pulses": torch.stack(pulses, 1), "currents": torch.stack(currents, 1), "spikes": spikes.float()}


def _feedforward() -> dict[str, Any]:
    """A current from step 10 on, and random spikes on 64 channels."""
    draw = _drawn()
    x = (torch.rand(200, 1, 64, generator=draw) < 0.5).float()
    weights = _weights(draw, fc1=(-0.1, 0.12, (100, 64)), fc2=(-0.15, 0.15, (10, 100)))
    return {"step": (torch.arange(200) >= 10).float().reshape(-1, 1, 1), "x": x, "weights": weights}


def _second_order() -> dict[str, Any]:
    """A weighted spike in every tenth step, from the beginning or after a first one."""
    step = torch.arange(200)
    bursts = (step == 10) | ((step >= 100) & (step % 10 == 0))
    return {"periodic": 0.1875 * (step % 10 == 0).reshape(-1, 1, 1), "bursts": 1.25 * bursts.reshape(-1, 1, 1)}


def _static(hidden: int, **recurrent: int) -> dict[str, Any]:
    draw = _drawn()
    weights = _weights(draw, fc1=(-0.2, 0.2, (hidden, 64)), fc2=(-0.2, 0.22, (10, hidden)))
    for name, size in recurrent.items():
        weights |= _weights(draw, **{f"{name}.recurrent": (-0.3, 0.3, (size, size))})
        weights |= {f"{name}.beta": torch.tensor(0.9), f"{name}.threshold": torch.tensor(1.0)}
    return {"x": _uniform(draw, 0, 1, 8, 64), "y": torch.arange(8).float(), "weights": weights}


def _images(channels: int, names: tuple[str, str, str], x: Tensor) -> dict[str, Any]:
    draw = _drawn(2)
    first, second, last = names
    shapes = {
        first: (-0.3, 0.4, (3, channels, 5, 5)), second: (-0.3, 0.4, (4, 3, 5, 5)), last: (-0.8, 0.9, (10, 4)),
    }  # fmt: skip
    return {"x": x, "y": torch.arange(4).float(), "weights": _weights(draw, **shapes)}


def _convolution() -> dict[str, Any]:
    return _images(1, ("0", "3", "7"), _uniform(_drawn(), 0, 1, 4, 1, 16, 16))


def _neuromorphic() -> dict[str, Any]:
    x = (torch.rand(20, 4, 2, 16, 16, generator=_drawn()) < 0.1).float()
    return _images(2, ("0", "3", "7"), x)


def _membrane_regression() -> dict[str, Any]:
    draw, hidden = _drawn(), 32
    shapes = {
        "fc_in": (-1.0, 1.0, (hidden, 1)),
        "fc_hidden": (-0.3, 0.4, (hidden, hidden)),
        "fc_out": (-0.5, 1.0, (1, hidden)),
    }
    weights = _weights(draw, **shapes)
    for name, size in (("lif_in", hidden), ("lif_hidden", hidden), ("li_out", 1)):
        weights[f"{name}.beta"] = _uniform(draw, 0.0, 0.95, size)
        weights[f"{name}.threshold"] = torch.ones(1) if size == 1 else _uniform(draw, 0.1, 1.0, size)
    line = _uniform(draw, 0.5, 1, 2) * torch.arange(50).reshape(-1, 1) / 64
    return {"x": line.unsqueeze(2), "y": line.sqrt().unsqueeze(2), "weights": weights}


def _losses() -> dict[str, Any]:
    """Spikes and membranes of twelve steps, five samples and four classes, and levels around the threshold in one step."""
    draw = _drawn()
    spikes, v = (torch.rand(12, 5, 4, generator=draw) < 0.4).float(), _uniform(draw, -1, 2, 12, 5, 4)
    return {"spikes": spikes, "v": v, "y": torch.tensor([1.0, 0, 2, 3, 3]), "levels": _uniform(draw, 0, 3, 1, 1, 40)}


def _curve(_: Any = None) -> Samples:
    """A line, and the square root of half of it: [1, 50, 1], to learn from and to score."""
    x = torch.linspace(0, 0.8, 50).reshape(1, 50, 1)
    y = (0.5 * x).sqrt()
    return Samples(x, y, x, y)


PORTS = (
    Port("snntorch", "encoding", "1: spike encoding", _encoding),
    Port("snntorch", "lapicque", "2: leaky integrate-and-fire", _lapicque),
    Port("snntorch", "feedforward", "3: feedforward network", _feedforward),
    Port("snntorch", "second_order", "4: second-order cells", _second_order),
    Port(
        "snntorch",
        "training",
        "5: training on static MNIST",
        lambda: _static(100),
        samples=mnist,
        data="images of MNIST",
        epochs=5,
        quick=lambda: digits(384, 128),
        quick_epochs=3,
        enough=lambda accuracy: accuracy > 0.6,
    ),
    Port(
        "snntorch",
        "convolution",
        "6: convolution and surrogates, MNIST",
        _convolution,
        samples=mnist,
        data="images of MNIST",
        epochs=3,
        quick=lambda: digits(512, 128, zoom=3),
        quick_epochs=5,
        enough=lambda accuracy: accuracy > 0.6,
    ),
    Port(
        "snntorch",
        "neuromorphic",
        "7: neuromorphic data, N-MNIST",
        _neuromorphic,
        samples=nmnist,
        data="recordings of N-MNIST",
        epochs=20,
        quick=moving_digits,
        quick_epochs=20,
        slow=True,
        enough=lambda accuracy: accuracy > 0.2,
    ),
    Port(
        "snntorch",
        "membrane_regression",
        "Regression I: membranes follow a curve",
        _membrane_regression,
        samples=_curve,
        data="curve",
        epochs=100,
        seeds=40,
        measure="mean squared error",
        quick=_curve,
        quick_epochs=100,
        enough=lambda error: error < 0.02,
    ),
    Port(
        "snntorch",
        "recurrent_classification",
        "Regression II: recurrent cells, MNIST",
        lambda: _static(32, rlif1=32, rlif2=10),
        samples=lambda folder: mnist(folder, 2000, 500),
        data="images of MNIST",
        epochs=5,
        quick=digits,
        quick_epochs=5,
        enough=lambda accuracy: accuracy > 0.6,
    ),
    Port("snntorch", "losses", "beside the tutorials: losses, accuracies and surrogates", _losses, spikes=False),
)
