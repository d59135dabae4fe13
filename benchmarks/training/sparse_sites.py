"""Time of convolutions over active sites, relative to dense ones. Run: `python -m benchmarks.training.sparse_sites`.

The table goes into `docs/events.md`, between its marks. Active sites are drawn uniformly; a third of the channels of an active site are 1. Each
number is the fastest of several calls on one thread, divided by that of torch's dense convolution of the same input, which
computes at all sites.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks._link import ROOT
from benchmarks._marks import paste
from benchmarks._report import machine
from ranvier.connectivity import SubmanifoldConv2d, SubmanifoldConv3d

PAGE = ROOT / "docs" / "events.md"
_TRIES = 5
SHARES = (0.2, 0.1, 0.05, 0.01)


@dataclass(frozen=True)
class Case:
    """A map over active sites, the dense one, and the shape of an input."""

    name: str
    sparse: nn.Module
    dense: nn.Module
    shape: tuple[int, ...]


def cases() -> tuple[Case, Case]:
    """A plane of 64 x 64 with 32 channels, and a volume of 24 x 24 x 24 with 16."""
    flat, deep = SubmanifoldConv2d(32, 32), SubmanifoldConv3d(16, 16)
    return (
        Case("plane", flat, nn.Conv2d(32, 32, 3, padding=1, bias=False), (16, 32, 64, 64)),
        Case("volume", deep, nn.Conv3d(16, 16, 3, padding=1, bias=False), (4, 16, 24, 24, 24)),
    )


def sites(shape: tuple[int, ...], share: float) -> Tensor:
    """Ones in a third of the channels of a ``share`` of all sites."""
    generator = torch.Generator().manual_seed(1)
    active = torch.rand(shape[0], 1, *shape[2:], generator=generator) < share
    return (active & (torch.rand(shape, generator=generator) < 1 / 3)).float()


def fastest(work: Callable[[], object]) -> float:
    """Processor seconds of the fastest of some calls after an untimed one."""
    work()
    spent = []
    for _ in range(_TRIES):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def forward(module: nn.Module, x: Tensor) -> None:
    """A call without gradient."""
    with torch.no_grad():
        module(x)


def learning(module: nn.Module, x: Tensor) -> None:
    """A call and its gradients."""
    x = x.detach().requires_grad_()
    module(x).sum().backward()


def ratio(case: Case, share: float, work: Callable[[nn.Module, Tensor], None]) -> float:
    """Seconds over active sites, divided by those of the dense map."""
    x = sites(case.shape, share)
    return fastest(lambda: work(case.sparse, x)) / fastest(lambda: work(case.dense, x))


def main() -> None:
    torch.set_num_threads(1)
    head = ["active sites"] + [f"{case.name}: {what}" for case in cases() for what in ("call", "with gradients")]
    rows = [f"{machine()['processor']}, one thread.", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for share in SHARES:
        found = [ratio(case, share, work) for case in cases() for work in (forward, learning)]
        rows.append(f"| {share:.0%} | " + " | ".join(f"{r:.2f}" for r in found) + " |")
        sys.stderr.write(rows[-1] + "\n")
    paste(PAGE, "sites", "\n".join(rows))


if __name__ == "__main__":
    main()
