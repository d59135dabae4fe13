"""What one of several processes does in the tests of real ones: ``python -m tests.distributed.job FOLDER``.

First a run, whose state goes to the folder; then a run with another seed in each process, which is refused; then process 1
dies, and the others must not wait for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

import ranvier as rv
from ranvier.errors import ProcessError
from ranvier.units import ms, second
from tests.network.processes.circuits import RECORD, coba, plastic


def main(folder: Path) -> None:
    processes = rv.distributed.join(limit=60 * second)
    net = plastic(processes)
    run = net.run(10 * ms, stream=3, record=RECORD)
    rv.save_state(rv.whole_state(net, run.state), folder / f"{processes.count}-{processes.rank}.safetensors")
    said = []
    try:
        coba(processes, seed=processes.rank).run(1 * ms, stream=0)
    except ProcessError as error:
        said.append(str(error))
    net = coba(processes)
    if processes.rank == 1:
        os._exit(3)
    try:
        net.run(50 * ms, stream=0)
    except ProcessError as error:
        said.append(str(error))
    (folder / f"said-{processes.rank}.txt").write_text("\n".join(said))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
