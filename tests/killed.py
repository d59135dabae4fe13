"""Jobs that write files, each killed at a file operation and then started again: ``python -m tests.killed JOB FOLDER NUMBERS``.

This process runs most jobs once, in one thread, so that all is loaded; every other run is a fork of it. A line of JSON per
number says how the second run ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ranvier as rv
from ranvier.errors import FileFormatError
from ranvier.units import Hz, ms, mV

_OPERATIONS = ("open", "write", "fsync", "replace", "rename", "mkdir", "unlink", "remove", "rmdir")


def _digest(arrays: Iterator[Any]) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(
            np.ascontiguousarray(array.detach().numpy() if isinstance(array, torch.Tensor) else array).tobytes()
        )
    return found.hexdigest()


def _by_name(tensors: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    return [tensors[name] for name in sorted(tensors)]


def _circuit() -> rv.Network:
    net = rv.Network(dt=0.5 * ms, seed=3)
    text = "dv/dt = (E - v + 20*mV*g)/(10*ms) : mV\ndg/dt = -g/(4*ms) : 1\nE = -52*mV : mV"
    net.population("cells", 6, rv.Cell(text, threshold="v > -50*mV", reset="v = -60*mV", v=-55 * mV))
    net.source("input", rv.Poisson(80 * Hz, 6))
    net.connect("input", "cells", rv.AllToAll(), to="g", weight=0.3, delay=1 * ms)
    return net


def _trained(folder: Path) -> str:
    torch.manual_seed(0)
    net = rv.Sequential(rv.Linear(5, 6), rv.LIF(6), rv.Linear(6, 2), rv.LeakyReadout(2), dt=1 * ms)
    x, y = torch.rand(8, 6, 5, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 2
    fit = rv.train(net, (x, y), epochs=2, batch_size=4, checkpoint=folder / "new" / "kept", progress=False)
    return _digest(iter(net.state_dict().values())) + str([e.train for e in fit.history])


def _run(folder: Path) -> str:
    record = {"cells": ["spikes", "v"]}
    kept = {"checkpoint": folder / "kept", "checkpoint_every": 10 * ms, "to": folder / "out.zarr"}
    run = _circuit().run(20 * ms, record=record, **kept)
    cells = run["cells"]
    return _digest(iter([cells.v, cells.spikes.step, cells.spikes.cell, *_by_name(run.state.tensors())]))


def _recorded(folder: Path) -> str:
    """A recording that was cut short is refused where it holds anything, and can be read."""
    try:
        run = _circuit().run(20 * ms, record={"cells": ["spikes", "v"]}, to=folder / "out.zarr")
    except FileFormatError:
        run = _circuit().run(20 * ms, record={"cells": ["spikes", "v"]})
        cells = rv.load_records(folder / "out.zarr")["cells"]
        np.testing.assert_array_equal(cells.v, run["cells"].v[: len(cells.v)])
    return _digest(iter([run["cells"].v, run["cells"].spikes.step]))


def _saved(folder: Path) -> str:
    torch.manual_seed(0)
    rv.save(rv.Sequential(rv.Linear(5, 6), rv.LIF(6), dt=1 * ms), folder / "model")
    return _digest(iter(rv.load(folder / "model").state_dict().values()))


def _replaced(folder: Path) -> str:
    """A network in the place of another: the folder holds one of both at any moment."""
    if (folder / "model" / "network.json").exists() and (folder / "begun").exists():
        rv.load(folder / "model")
    else:
        _saved(folder)
        (folder / "begun").touch()
    torch.manual_seed(1)
    rv.save(rv.Sequential(rv.Linear(5, 6), rv.LIF(6), dt=1 * ms), folder / "model")
    return _digest(iter(rv.load(folder / "model").state_dict().values()))


def _state(folder: Path) -> str:
    rv.save_state(_circuit().run(5 * ms).state, folder / "state.safetensors")
    return _digest(iter(_by_name(rv.load_state(folder / "state.safetensors").tensors())))


def _kernels(folder: Path) -> str:
    os.environ["RANVIER_CACHE"] = str(folder / "cache")
    return _digest(iter([_circuit().run(5 * ms, record={"cells": ["v"]})["cells"].v]))


JOBS: dict[str, Callable[[Path], str]] = {
    "train": _trained, "run": _run, "record": _recorded, "save": _saved, "replace": _replaced, "state": _state,
    "kernels": _kernels,
}  # fmt: skip


#: jobs whose files a process writes only once
_COLD = {"kernels"}


def _deadly(folder: Path, at: int) -> list[int]:
    """Kill this process at file operation number ``at`` below ``folder``, every other write with a half of it done."""
    count, mine = [0], set()

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            first = args[0]
            if not (first in mine if isinstance(first, int) else str(os.fspath(first)).startswith(str(folder))):
                return real(*args, **kwargs)
            count[0] += 1
            if count[0] == at:
                if name == "write" and at % 2:
                    real(first, args[1][: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            out = real(*args, **kwargs)
            if name == "open":
                mine.add(out)
            return out

        return operation

    for name in _OPERATIONS:
        setattr(os, name, wrap(name, getattr(os, name)))
    real_close = os.close

    def close(handle: int) -> None:
        mine.discard(handle)
        real_close(handle)

    os.close = close
    return count


def _forked(body: Callable[[], str]) -> tuple[int, str]:
    """Exit status and what ``body`` gave, in a fork."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            said = body()
            code = 0
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode()[:4000])
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def _litter(folder: Path) -> list[str]:
    """What should not be left: temporary files, and tensors that no description names."""
    out = [str(p.relative_to(folder)) for p in folder.rglob("*.partial")]
    for parent in {p.parent for p in folder.rglob("*.safetensors")} - {folder}:
        out += [str(p) for p in sorted(parent.glob("*.safetensors"))[1:]]
    return out


def main(job: str, folder: Path, numbers: list[int]) -> None:
    """Say how many operations there are, then for each number (in percent of them; where there are none for each operation) what became of it."""
    body = JOBS[job]

    def counted(inside: Path, at: int) -> str:
        count = _deadly(inside, at)
        return f"{count[0]}" if not (said := body(inside)) else f"{count[0]} {said}"

    for name in ("first", "whole"):
        (folder / name).mkdir(parents=True)
    torch.set_num_threads(1)
    if job not in _COLD:
        body(folder / "first")
    code, said = _forked(lambda: counted(folder / "whole", -1))
    total, _, expected = said.partition(" ")
    lines: list[dict[str, Any]] = [{"code": code, "total": int(total) if total.isdecimal() else said}]
    for number in numbers or range(int(total)):
        at = 1 + number * int(total) // 100 if numbers else number + 1
        inside = folder / str(number)
        inside.mkdir()
        killed, _ = _forked(lambda inside=inside, at=at: counted(inside, at))
        code, said = _forked(lambda inside=inside: body(inside))
        lines.append(
            {
                "at": at,
                "killed": killed,
                "code": code,
                "said": "" if said == expected else said,
                "litter": _litter(inside),
            }
        )
    sys.stdout.write("\n".join(map(json.dumps, lines)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [int(n) for n in sys.argv[3].split(",") if n])
