"""One of several processes that train copies, or shards, of one network on their parts of a batch."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard

import ranvier as rv
from ranvier.units import ms


def network() -> rv.Sequential:
    torch.manual_seed(0)
    delay = rv.Learn(rv.Uniform(0 * ms, 5 * ms), max=5 * ms)
    cells = rv.Recurrent(rv.LIF(32, tau=rv.Learn(10 * ms)), rv.Linear(32, 32))
    return rv.Sequential(rv.Linear(20, 32, delay=delay), cells, rv.Linear(32, 5), rv.LeakyReadout(5), dt=1 * ms)


def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return (torch.rand(10, 8, 20) < 0.3).float(), torch.arange(8) % 5


def trained(
    net: rv.Sequential, call: nn.Module, part: slice, average: Callable[[], None] = lambda: None
) -> dict[str, Tensor]:
    """Parameters after three steps on a part of the batch."""
    x, y = batch()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(call(x[:, part])[0].mean(0), y[part]).backward()
        average()
        optimizer.step()
    values = {n: p.full_tensor() if hasattr(p, "full_tensor") else p for n, p in net.named_parameters()}
    return {n: v.detach().clone() for n, v in values.items()}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    dist.init_process_group("gloo")
    rank, count = dist.get_rank(), dist.get_world_size()
    part = slice(rank * 8 // count, (rank + 1) * 8 // count)
    copied = network()
    found = {"ddp": trained(copied, nn.parallel.DistributedDataParallel(copied), part)}
    sharded = network()
    single = [p for p in sharded.parameters() if p.ndim == 0]
    fully_shard(sharded, ignored_params=set(single))

    def average() -> None:
        for p in single:
            dist.all_reduce(p.grad)
            p.grad /= count

    found["fsdp"] = trained(sharded, sharded, part, average)
    if rank == 0:
        torch.save(found, folder / "found.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
