"""Time of attention between spikes, relative to dense torch written by hand. Run: `python -m benchmarks.training.attention`.

The table goes into `docs/attention.md`, between its marks. Attention alone has q, k and v of 256 channels in 8 heads for four steps, drawn at each
density; the other side is the faster of two ways of torch, matrix products and `einsum`. A block is `rv.blocks.spikformer` of 128 channels
in 4 heads beside the same convolutions and norms with a loop over steps for its cells; the shift of the norm before q, k and v is set so
that they fire at each density. Outputs and gradients are first found equal. One process and thread, sides in turn (A B A B …), processor
time: each number is the median over rounds of Ranvier's time divided by torch's.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

import ranvier as rv
from benchmarks._link import ROOT
from benchmarks._marks import paste
from benchmarks._report import machine
from benchmarks._turns import in_turn
from benchmarks.training.small_kinds import lif
from ranvier.kernels import registry
from ranvier.kernels.provider import DENSE
from ranvier.kernels.tasks import PropagateShape
from ranvier.units import ms

PAGE = ROOT / "docs" / "attention.md"
DENSITIES = (0.3, 0.2, 0.1, 0.05, 0.01)
#: (batch, tokens)
SIZES = ((1, 64), (1, 196), (16, 64), (16, 196), (64, 64), (64, 196))
#: the largest batch of a block, whose other parts cost more than its attention
BLOCKS = 16
#: no whole number of counts times this scale lies on the threshold
STEPS, TAU, SCALE, ROUNDS = 4, 2.0, 0.12, 3
CHANNELS, HEADS, BLOCK_CHANNELS, BLOCK_HEADS = 256, 8, 128, 4
Way = Callable[[Tensor], Tensor]


def spikes(density: float, *shape: int) -> Tensor:
    """Ones at a ``density``, zeros elsewhere."""
    return (torch.rand(shape, generator=torch.Generator().manual_seed(1)) < density).float()


def products(x: Tensor, heads: int = HEADS) -> Tensor:
    """``x`` [rows, 3C, N] -> [rows, C, N] by two matrix products for each head, in the cheaper order."""
    q, k, v = x.unflatten(1, (3, heads, -1)).unbind(1)
    y = v @ k.mT @ q if q.shape[2] <= q.shape[3] else v @ (k.mT @ q)
    return (SCALE * y).flatten(1, 2)


def sums(x: Tensor, heads: int = HEADS) -> Tensor:
    """The same by ``einsum``."""
    q, k, v = x.unflatten(1, (3, heads, -1)).unbind(1)
    return (SCALE * torch.einsum("rhcn,rhec->rhen", q, torch.einsum("rhen,rhcn->rhec", v, k))).flatten(1, 2)


def block(density: float, x: Tensor) -> tuple[Way, Way]:
    """A block that attends at a ``density`` for ``x`` [T, B, C, N], and the same by hand over its modules."""
    torch.manual_seed(0)
    made = rv.blocks.spikformer(
        BLOCK_CHANNELS, BLOCK_HEADS, axes=1, scale=SCALE, cell=lambda: rv.LIF(tau=TAU * ms), norm=nn.BatchNorm1d
    )
    net = rv.Sequential(*made, dt=1 * ms, surrogate=rv.surrogates.ArcTan(alpha=2.0))
    maps = [m for m in net.modules() if isinstance(m, nn.Conv1d | nn.BatchNorm1d)]

    def mapped(x: Tensor, first: int) -> Tensor:
        return maps[first + 1](maps[first](x.flatten(0, 1))).unflatten(0, x.shape[:2])

    def by_hand(x: Tensor) -> Tensor:
        attended = products(lif(mapped(x, 0), TAU).flatten(0, 1), BLOCK_HEADS).unflatten(0, x.shape[:2])
        z = x + lif(mapped(lif(attended, TAU), 2), TAU)
        return z + lif(mapped(lif(mapped(z, 4), TAU), 6), TAU)

    low, high = -4.0, 4.0
    with torch.no_grad():
        for _ in range(12):
            maps[1].get_parameter("bias").fill_((low + high) / 2)
            more = float(lif(mapped(x, 0), TAU).mean()) < density
            low, high = ((low + high) / 2, high) if more else (low, (low + high) / 2)
    return lambda x: net(x, reset="detached")[0], by_hand


def agree(own: Way, others: Sequence[Way], x: Tensor) -> None:
    """Check outputs, and the gradients of the input."""
    found = []
    for way in (own, *others):
        given = x.clone().requires_grad_()
        out = way(given)
        (grad,) = torch.autograd.grad(out.square().sum(), given)
        found.append((out.detach(), grad))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            if float((a - b).norm()) > 1e-3 * float(b.norm()):
                raise RuntimeError(f"attention of Ranvier and of torch differ by {float((a - b).abs().max())}")


def ratio(own: Way, others: Sequence[Way], x: Tensor, *, learns: bool) -> float:
    """The time of ``own``, divided by that of the fastest of ``others``."""

    def call(way: Way) -> Callable[[], object]:
        def learning() -> None:
            way(x.detach().requires_grad_()).sum().backward()

        return torch.no_grad()(lambda: way(x)) if not learns else learning

    sides = {"own": call(own), **{str(k): call(way) for k, way in enumerate(others)}}
    times = 3 if x.numel() < 1 << 18 else 1
    found = in_turn(sides, ROUNDS, times, time.process_time)
    best = min((statistics.median(v), n) for n, v in found.items() if n != "own")[1]
    return statistics.median(a / b for a, b in zip(found["own"], found[best], strict=True))


def row(density: float, batch: int, tokens: int) -> list[float]:
    """Attention alone in a call and with gradients, then the block where the batch is no larger than ``BLOCKS``."""
    x = spikes(density, STEPS * batch, 3 * CHANNELS, tokens)
    layer, ways = rv.Attention(CHANNELS, HEADS, scale=SCALE), (products, sums)
    carrier = registry.provider("cpu").build(PropagateShape("attention", "input"), DENSE)

    def own(x: Tensor) -> Tensor:
        """As a projection of a network runs it."""
        return layer.run(x, carrier)

    agree(own, ways, x)
    found = [ratio(own, ways, x, learns=learns) for learns in (False, True)]
    if batch <= BLOCKS:
        entering = spikes(0.2, STEPS, batch, BLOCK_CHANNELS, tokens)
        whole, by_hand = block(density, entering)
        agree(whole, [by_hand], entering)
        found += [ratio(whole, [by_hand], entering, learns=learns) for learns in (False, True)]
    return found


def main() -> None:
    torch.set_num_threads(1)
    head = ["spikes", "batch", "tokens"]
    head += [f"{what}: {how}" for what in ("attention", "block") for how in ("call", "with gradients")]
    rows = [f"{machine()['processor']}, one thread.", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for density in DENSITIES:
        for batch, tokens in SIZES:
            found = [f"{r:.2f}" for r in row(density, batch, tokens)]
            cells = " | ".join(found + ["–"] * (4 - len(found)))
            rows.append(f"| {density:.0%} | {batch} | {tokens} | {cells} |")
            sys.stderr.write(rows[-1] + "\n")
    paste(PAGE, "attention", "\n".join(rows))


if __name__ == "__main__":
    main()
