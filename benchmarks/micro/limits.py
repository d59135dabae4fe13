"""Hand-written C loops beside Ranvier: `python -m benchmarks.micro.limits [NAME …] [--rounds 9]`.

Each C file of `loops/` is compiled by `cc` for this processor. It computes what the bench of that name computes and nothing else: one
model, its constants in the code, no record but the spikes of a step. Both run in one process, in turn (A B A B), on one thread; processor time
counts. Writes `docs/benchmarks/limits.md` and `.json`. `--second-thread` prints what two threads of plain loops gain instead.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._link import ROOT
from benchmarks._report import machine, publish, widest

HERE = Path(__file__).resolve().parent
#: bench: its C file and flags, cells, chance of a synapse
LOOPS = {
    "coba_4000": ("balanced.c", (), 4_000, 0.02),
    "cuba_4000": ("balanced.c", ("-DCUBA",), 4_000, 0.02),
    "stdp_1000": ("stdp.c", (), 1_000, 1.0),
}
#: biological seconds of a round
SECONDS = 1.0
WHAT = """
A loop holds one circuit: constants are numbers in the code, a spike reaches its targets in the next step, and nothing is kept but
the state. Ranvier's call also takes the state and returns a new one, checks it for values that are not finite, draws counted random numbers (the
loop takes the next number of a simple generator, one for each spike), and returns all spikes. So the ratio includes the cost of generality, checks and
records, and what a better kernel could still save. Each side draws its own synapses and inputs. The loops fire up to a
fifth more often (columns Hz), and the ratios are not corrected for this.

What was tried to reduce the ratio:

- **COBA**: one register per vector, other polynomials for `exprel` (on ±1/4, around -1/4, Horner), two cells' vectors in turn, copies of eight
  lanes: none was faster. In float64, `exprel` needs eleven operations where float32 needs six, so float64 takes 1.65
  times as long (2.0 times with vectors of 256 bits).
- **CUBA**: with vectors of 256 bits, 16 cells take about 65 instructions in 3 ns. Masks as two halves of eight lanes changed nothing. About half
  of the difference to the loop is the call; most of the rest are spikes, which go through four projections (1.5 ns for each arrival).
- **STDP**: fetching the weights of the next rows ahead, blocks of sums of four time constants instead of two, and one load for both uses of the
  last sum changed the time by less than the noise of 5 %. A loop over whole vectors without masks saves a sixth of the time of rows with vectors of
  256 bits, but rounds some rules differently in the last vector of a row, so a result would depend on the number of threads. A third of the
  time of a call of one biological second is not the loop: it copies a million weights in and out, compares and checks them.
- **Delays up to 20 ms**: a loop in C takes 0.30 ns for each arrival without delays, 1.40 with a ring of all delays, and 1.1 with sorted
  queues, which Ranvier uses.
- **LIF scan, convolutions**: their pages have a row `limit`, which times plain copies or only the dense products.
"""


def compiled(source: str, flags: tuple[str, ...], bits: int, folder: Path) -> Path:
    """The file, compiled for vectors of so many bits."""
    out = folder / f"{source}{''.join(flags)}.so"
    wide = ("-mno-avx512f", "-DLANES=8") if bits == 256 else ("-DLANES=16", "-mprefer-vector-width=512")
    command = ["cc", "-O3", "-march=native", *wide, *flags, "-shared", "-fPIC", "-o", str(out)]
    subprocess.run([*command, str(HERE / "loops" / source), "-lm", "-lpthread"], check=True)
    return out


def loop(name: str, bits: int, folder: Path) -> Callable[[], float]:
    """Runs the C loop for a round; gives the rate in Hz."""
    source, flags, cells, chance = LOOPS[name]
    code = ctypes.CDLL(str(compiled(source, flags, bits, folder)))
    code.begin.argtypes = (ctypes.c_int, ctypes.c_double, ctypes.c_uint64)
    code.advance.argtypes, code.advance.restype = (ctypes.c_int,), ctypes.c_long
    code.begin(cells, chance, 12345)
    return lambda: code.advance(round(10_000 * SECONDS)) / cells / SECONDS


def ranvier(name: str) -> Callable[[], float]:
    """Runs Ranvier's side of the bench for a round."""
    import torch  # after the size of vectors is set

    from benchmarks.ranvier_circuits import build

    torch.set_num_threads(1)
    task = build(name, {"cells": LOOPS[name][2], "seed": 1}, {"biological_s": SECONDS})  # pyright: ignore[reportArgumentType]
    return lambda: float(task.check()["rate"])


def measure(name: str, bits: int, rounds: int, folder: Path) -> dict[str, Any]:
    """A row of the table."""
    sides = {"loop": loop(name, bits, folder), "ranvier": ranvier(name)}
    times: dict[str, list[float]] = {side: [] for side in sides}
    rates = dict.fromkeys(sides, 0.0)
    for turn in range(rounds + 2):
        for side, run in sides.items():
            start = time.process_time()
            rates[side] = run()
            if turn > 1:
                times[side].append(1e3 * (time.process_time() - start) / SECONDS)
    ratios = [ours / least for ours, least in zip(times["ranvier"], times["loop"], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    row: dict[str, Any] = {"name": name, "bits": bits, "ratio": middle, "quartiles": [low, high]}
    for side in sides:
        row |= {f"ms_{side}": statistics.median(times[side]), f"hz_{side}": rates[side]}
    return row


def page(rows: list[dict[str, Any]], rounds: int) -> str:
    """The table, and what was tried."""
    here = machine()
    lines = [
        "# Limits",
        "",
        "`python -m benchmarks.micro.limits`: milliseconds of processor time per biological second of a hand-written C loop and of Ranvier, one thread,",
        f"float32, median of {rounds} rounds in turn. {here['processor']}, load {here['load_1min']} at the end.",
        "",
        "| bench | bits of a vector | C loop | its Hz | Ranvier | its Hz | Ranvier ÷ C loop (quartiles) |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        low, high = r["quartiles"]
        shown = (f"{r[f'ms_{side}']:.1f} | {r[f'hz_{side}']:.1f}" for side in ("loop", "ranvier"))
        lines.append(f"| {r['name']} | {r['bits']} | {' | '.join(shown)} | {r['ratio']:.2f} ({low:.2f}–{high:.2f}) |")
    return "\n".join(lines) + "\n" + WHAT


def main() -> None:
    """Both sizes of vectors, each in a process of its own, and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[*LOOPS], help=", ".join(LOOPS))
    parser.add_argument("--bits", type=int, choices=(256, 512), help="only this size; prints rows and writes no page")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--second-thread", action="store_true")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        if given.second_thread:
            if os.getloadavg()[0] > 0.5:
                parser.error(f"the load is {os.getloadavg()[0]}: wait until no other program runs.")
            ctypes.CDLL(str(compiled("second_thread.c", (), given.bits or 512, Path(root)))).print_gains()
            return
        if given.bits:
            os.environ["RANVIER_VECTOR_BITS"] = str(given.bits)
            sys.stdout.write(json.dumps([measure(n, given.bits, given.rounds, Path(root)) for n in given.names]) + "\n")
            return
    rows: list[dict[str, Any]] = []
    for bits in (512, 256) if widest() == 512 else (256,):
        asked = *given.names, "--bits", str(bits), "--rounds", str(given.rounds)
        command = [sys.executable, "-m", "benchmarks.micro.limits", *asked]
        rows += json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    publish(given.folder, "limits", page(rows, given.rounds), rows)


if __name__ == "__main__":
    main()
