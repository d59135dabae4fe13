"""``ranvier doctor``: what this installation consists of and whether it can work."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table

from ranvier import __version__
from ranvier.errors import RanvierError

__all__ = ["doctor"]

_CORE = ("torch", "numpy", "scipy", "llvmlite", "sympy", "networkx", "safetensors", "rich", "tyro", "matplotlib")
_OPTIONAL = {
    "data": ("scikit-learn", "h5py", "soundfile"),
    "neuro": ("neo", "pynwb", "pynapple", "elephant"),
    "export": ("nir", "nirtorch", "onnx"),
    "control": ("gymnasium", "mujoco"),
    "gpu": ("triton",),
    "units": ("pint",),
}


def doctor() -> None:
    """Show versions, processor, kernel cache, what is missing, and try every provider against the reference.

    Raises
    ------
    RanvierError
        When a package the core needs is not installed; the table still shows everything.
    """
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_row("ranvier", __version__)
    table.add_row("python", f"{platform.python_version()} ({sys.executable})")
    table.add_row("system", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores")
    versions = {name: _version(name) for name in _CORE}
    for name, found in versions.items():
        table.add_row(name, found or "[red]missing[/]")
    table.add_row("processor", _processor())
    table.add_row("kernel cache", _cache())
    table.add_row("accelerator", _accelerator())
    for extra, names in _OPTIONAL.items():
        table.add_row(f"extra {extra}", ", ".join(f"{name} {_version(name) or 'not installed'}" for name in names))
    console = Console()
    console.print(table, highlight=False)
    missing = [name for name, found in versions.items() if found is None]
    if missing:
        raise RanvierError(f"{', '.join(missing)} missing; install again with pip install ranvier")
    console.print(_providers(), highlight=False)


def _providers() -> Table:
    """Every provider with the result of its self-test."""
    selftest = import_module("ranvier.cli._selftest").selftest
    table = Table(box=None, show_header=False, padding=(0, 2), title="providers", title_justify="left")
    for verdict in selftest():
        mark = "[green]usable[/]" if verdict.usable else "[yellow]not usable[/]"
        table.add_row(verdict.provider, mark, verdict.why, f"{verdict.seconds:.1f} s" if verdict.seconds else "")
    return table


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        llvm = import_module("llvmlite.binding")
        features = llvm.get_host_cpu_features()
        wide = [name for name in ("sse4.2", "avx2", "fma", "avx512f", "neon", "sve") if features.get(name)]
        return f"{llvm.get_host_cpu_name()} ({', '.join(wide) or 'no vector extension known'})"
    except (ImportError, RuntimeError) as error:
        return f"unknown: {error}"


def _cache() -> str:
    try:
        providers = import_module("ranvier.kernels.registry").providers()
        return "; ".join(p.kept() for p in providers if hasattr(p, "kept"))
    except (ImportError, AttributeError, OSError) as error:
        return f"unavailable: {error}"


def _accelerator() -> str:
    try:
        torch = import_module("torch")
    except ImportError as error:
        return f"unknown: {error}"
    threads = f"{torch.get_num_threads()} torch threads"
    return f"{torch.cuda.get_device_name()}, {threads}" if torch.cuda.is_available() else f"none, {threads}"
