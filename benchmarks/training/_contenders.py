"""The rows of the training tables."""

from __future__ import annotations

from dataclasses import replace

from benchmarks._protocol import Contender

_PEERS = "benchmarks.peers_training"

RANVIER = Contender("ranvier", "benchmarks.ranvier_side")
SPIKINGJELLY = Contender("spikingjelly", f"{_PEERS}.spikingjelly_side", "peers")
SNNTORCH = Contender("snntorch", f"{_PEERS}.snntorch_side", "peers")
SNNTORCH_SAME_STEP = replace(SNNTORCH, name="snntorch_same_step", options={"reset_delay": False}, optional=True)
NORSE = Contender("norse", f"{_PEERS}.norse_side", "peers")
TORCH_LOOP = Contender("torch_loop", f"{_PEERS}.torch_loop_side", "peers")
SPYX = Contender("spyx", f"{_PEERS}.spyx_side", "jax")
JAX_SCAN = Contender("jax_scan", f"{_PEERS}.jax_scan_side", "jax")
TORCH_COMPILE = Contender(
    "torch_compile", f"{_PEERS}.torch_compile_side", "peers", prepare_limit_s=600.0, optional=True
)
LIMIT = Contender("limit", f"{_PEERS}.limit_side", "peers")

ALL = (
    RANVIER,
    SPIKINGJELLY,
    SNNTORCH,
    SNNTORCH_SAME_STEP,
    NORSE,
    TORCH_LOOP,
    SPYX,
    JAX_SCAN,
    TORCH_COMPILE,
    LIMIT,
)
