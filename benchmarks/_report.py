"""From repetitions to a table: medians, quartiles, paired ratios; JSON and Markdown written by rename."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._protocol import Bench


@dataclass
class Row:
    """All that is known about one contender after a series."""

    name: str
    seconds: list[float] = field(default_factory=list)
    """One value per round, in round order, so that rows can be paired."""
    formula: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    equality: str = ""
    first_call_s: float = 0.0
    """Import, build, compile and first run together."""
    idle_mb: float = 0.0
    peak_mb: float = 0.0
    failure: str = ""
    """Why there is no timing: not offered, not equal, error, or out of time."""


@dataclass(frozen=True)
class Statistics:
    """Spread of one row in milliseconds, and its ratio to the first row round by round."""

    median_ms: float
    lower_ms: float
    upper_ms: float
    minimum_ms: float
    ratio: float
    ratio_lower: float
    ratio_upper: float


def statistics(row: Row, first: Row) -> Statistics:
    """Medians and quartiles; the ratio is the median over rounds of (this row ÷ first row in the same round)."""
    mine, base = np.array(row.seconds), np.array(first.seconds)
    ratios = mine / base
    lower, median, upper = np.percentile(mine, [25, 50, 75]) * 1e3
    ratio_lower, ratio, ratio_upper = np.percentile(ratios, [25, 50, 75])
    return Statistics(median, lower, upper, mine.min() * 1e3, ratio, ratio_lower, ratio_upper)


#: the widest vectors of a processor by their flag: its class, and their bits
_CLASSES = {"avx512f": ("AVX-512", 512), "avx2": ("AVX2", 256)}


def _processor() -> dict[str, str]:
    """What the system says of its first processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return {}
    first = cpuinfo.read_text().split("\n\n", 1)[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first)}


def _class(found: dict[str, str]) -> tuple[str, int] | None:
    """The class of a processor and the bits of its widest vectors; None where the system does not say."""
    flags = found.get("flags", "").split()
    return next((known for flag, known in _CLASSES.items() if flag in flags), None)


def widest() -> int:
    """Bits of the widest vectors of the processor; 512 where the system does not say."""
    known = _class(_processor())
    return 512 if known is None else known[1]


def vector_bits() -> str:
    """Bits of the vectors in kernels of this process."""
    return os.environ.get("RANVIER_VECTOR_BITS") or str(widest())


def machine() -> dict[str, Any]:
    """Processor and its class, cores and load, without any name of the host."""
    found = _processor()
    model = found.get("model name") or platform.processor() or platform.machine()
    known = _class(found)
    model += "" if known is None else f" with {known[0]}"
    return {"processor": model, "cores": os.cpu_count(), "load_1min": round(os.getloadavg()[0], 2)}


def markdown(bench: Bench, rows: list[Row], settings: dict[str, Any]) -> str:
    """The page for `docs/benchmarks`."""
    timed = [row for row in rows if row.seconds]
    lines = [f"# {bench.title}", "", bench.text.strip(), "", _settings_line(settings), ""]
    if timed:
        lines += _table(bench, timed)
    lines += _failures(rows) + _details(timed)
    return "\n".join(lines) + "\n"


def _settings_line(settings: dict[str, Any]) -> str:
    host = settings["machine"]
    return (
        f"{settings['rounds']} interleaved rounds, {settings['threads']} thread(s), {host['processor']}, "
        f"{host['cores']} cores, load {host['load_1min']} at the start, {settings['date']}."
    )


def _table(bench: Bench, timed: list[Row]) -> list[str]:
    first = timed[0]
    lines = [
        f"| contender | median ms per {bench.per} | quartiles | minimum | ÷ {first.name} (quartiles) | first call s "
        "| memory beyond inputs and imports MB | compared with the reference |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in timed:
        s = statistics(row, first)
        lines.append(
            f"| {row.name} | {s.median_ms:.4g} | {s.lower_ms:.4g}–{s.upper_ms:.4g} | {s.minimum_ms:.4g} "
            f"| {s.ratio:.2f} ({s.ratio_lower:.2f}–{s.ratio_upper:.2f}) | {row.first_call_s:.1f} "
            f"| {row.peak_mb - row.idle_mb:.0f} | {row.equality} |"
        )
    return [*lines, ""]


def _failures(rows: list[Row]) -> list[str]:
    failed = [row for row in rows if row.failure]
    if not failed:
        return []
    return ["Not timed:", "", *(f"- {row.name}: {row.failure}" for row in failed), ""]


def _details(timed: list[Row]) -> list[str]:
    lines = ["Settings and versions:", ""]
    for row in timed:
        versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
        lines.append(f"- {row.name} ({versions}). {' '.join(row.notes)}".rstrip())
    return lines


def write(folder: Path, bench: Bench, rows: list[Row], settings: dict[str, Any]) -> tuple[Path, Path]:
    """Write `<name>.md` and `<name>.json` of a bench; return both paths."""
    data = {"bench": bench.name, "title": bench.title, "per": bench.per, "settings": settings}
    data["rows"] = [asdict(row) for row in rows]
    return publish(folder, bench.name, markdown(bench, rows, settings), data)


def publish(folder: Path, name: str, page: str, data: Any) -> tuple[Path, Path]:
    """Write `<name>.md` and `<name>.json` through a temporary file and a rename; return both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{name}.md", folder / f"{name}.json"
    for path, text in zip(paths, (page, json.dumps(data, indent=1) + "\n"), strict=True):
        _replace(path, text)
    return paths


def _replace(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False) as temporary:
        temporary.write(text)
    os.chmod(temporary.name, 0o644)
    os.replace(temporary.name, path)
