"""One population, or relay, by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import torch

from ranvier.errors import ShapeError
from ranvier.network.order import GraphError
from ranvier.network.plan.built import part_of
from ranvier.network.run.inflow import Inflow
from ranvier.network.run.window import copy_if_shared

if TYPE_CHECKING:
    from ranvier.kernels.tasks import Scan, ScanResult
    from ranvier.network.plan.plan import Unit
    from ranvier.network.run.runner import Runner
    from ranvier.network.run.window import Window

__all__ = ["advanced", "alone"]

Tensor = torch.Tensor


def alone(runner: Runner, unit: Unit, window: Window) -> None:
    """Advance a population, or relay, over the whole window."""
    name = unit.members[0]
    inflow = runner.arrivals.into(name, (), window)
    if name in runner.cells:
        found = advanced(runner, name, inflow, window, spent=runner.arrivals.single(name))
    else:
        found = _passed_on(runner, name, inflow, window)
    window.recorded.update({(name, v): x for v, x in found.items()})


def advanced(
    runner: Runner, name: str, inflow: Inflow, window: Window, first: int = 0, count: int | None = None,
    spent: Collection[str] = (),
) -> dict[str, Tensor]:  # fmt: skip
    """One population over ``count`` steps from step ``first`` of the window: what was recorded."""
    cells = runner.cells[name]
    if name in runner.plan.hooked:
        return _with_hooks(runner, name, inflow, window, first, count)
    return cells.take(_run(runner, name, cells.scan(inflow, window, first, count, spent=spent)), window, count)


def _run(runner: Runner, name: str, task: Scan) -> ScanResult:
    """A scan by the provider of the plan, with the norm of each step where there is one."""
    run = part_of(runner.plan, name)
    cells = runner.cells[name]
    return run(cells.normalised(task, run) if cells.population.normalises else task)


def _with_hooks(
    runner: Runner, name: str, inflow: Inflow, window: Window, first: int, count: int | None
) -> dict[str, Tensor]:
    """The same by a call of the module, so that torch calls its hooks, which may change what arrives and what is emitted."""
    cells, recorded = runner.cells[name], {}

    def run(ports: Mapping[str, Tensor]) -> Tensor | None:
        task = cells.scan(Inflow(dict(ports), inflow.back), window, first, count)
        recorded.update(cells.take(_run(runner, name, task), window, count))
        return window.emissions.get(name)

    emitted = cells.population(inflow.ports, run=run)
    if emitted is not None and emitted is not window.emissions[name]:  # a hook gave another output
        for v in recorded:
            if cells.step.output_of(v) == cells.emission:
                recorded[v] = emitted
        window.emissions[name] = emitted
    return recorded


def _passed_on(runner: Runner, name: str, inflow: Inflow, window: Window) -> dict[str, Tensor]:
    """A relay emits its arrivals; returns the record of them."""
    if "x" not in inflow.ports:
        raise GraphError(f"nothing arrives at the relay {name!r}: connect something to it.")
    x, size = inflow.ports["x"], runner.graph.relays[name].size
    if size is not None and x.shape[2:] != size:
        x = _spread(name, x, size)
    recorded = {v: copy_if_shared(x, window.emissions.values()) for v in runner.record.get(name, ())}
    window.emissions[name] = x
    return recorded


def _spread(name: str, x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Arrivals [T, B, …] as those of ``size``: an axis of 1 serves all along it."""
    try:
        return x.expand(*x.shape[:2], *size)
    except RuntimeError:
        raise ShapeError(
            f"what arrives at the relay {name!r} has shape {tuple(x.shape)} [T, B, …], but it has the size {size}: give it the "
            f"size that arrives."
        ) from None
