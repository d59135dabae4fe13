"""Published energy models, each number with its source."""

from __future__ import annotations

import math
from types import MappingProxyType

from ranvier.measure._energy_model import EnergyModel
from ranvier.measure._lemaire import Lemaire
from ranvier.measure._prices import Arithmetic, Chip, Hierarchy, Level

__all__ = ["ENERGY_MODELS"]

_HOROWITZ = "Horowitz, ISSCC 2014 (45 nm, 0.9 V)"
_ALONE = "products of transforms alone; no memory, no addresses, no cells"
_CHIP = "synapses, cells and spikes on the chip, its memories included; no input or output of the chip"

_MODELS: tuple[EnergyModel, ...] = (
    Arithmetic("fp32", f"{_HOROWITZ}: add 0.9, multiply 3.7", _ALONE, 4.6, 0.9),
    Arithmetic("fp16", f"{_HOROWITZ}: add 0.4, multiply 1.1", _ALONE, 1.5, 0.4),
    Arithmetic("int32", f"{_HOROWITZ}: add 0.1, multiply 3.1", _ALONE, 3.2, 0.1),
    Arithmetic("int8", f"{_HOROWITZ}: add 0.03, multiply 0.2", _ALONE, 0.23, 0.03),
    Lemaire(
        "lemaire",
        f"Lemaire et al., ICONIP 2022, on {_HOROWITZ}: integers of 32 bits, SRAM of 8 kB, 32 kB, 1 MB at 10, 20, 100 pJ; queues of 1000 spikes",
        "operations, addresses, queues, weights and potentials in SRAM layer by layer; no DRAM, no routing, no control; rows without weights are arithmetic alone",
        0.1, 3.1, (0, 8 * 1024, 32 * 1024, 1024 * 1024), (0, 10, 20, 100), 1000,
    ),
    Hierarchy(
        "hierarchy",
        f"Han et al., NeurIPS 2015, table 1 (45 nm): register 1, SRAM 5, DRAM 640 for 32 bits; larger SRAM and arithmetic {_HOROWITZ}, halved to 32 bits",
        "products, weights, partial sums in registers, activations, states; declared sizes: registers 512 bytes, SRAM 8 kB, 32 kB, 1 MB; no addresses, no equations of cells",
        4.6, 0.9,
        (Level("registers", 512, 1), Level("SRAM 8 kB", 8 * 1024, 5), Level("SRAM 32 kB", 32 * 1024, 10), Level("SRAM 1 MB", 1024 * 1024, 50), Level("DRAM", math.inf, 640)),
    ),
    Hierarchy(
        "step",
        f"3.12 pJ for each bit moved (STEP, 2025, as SpikingJelly 2 quotes it), arithmetic {_HOROWITZ}",
        "products, weights, partial sums, activations and states, all in one memory; no addresses, no equations of cells",
        4.6, 0.9, (Level("memory", math.inf, 32 * 3.12),),
    ),
    Chip("loihi", "Davies et al., IEEE Micro 2018, table 1 (14 nm): synaptic operation 23.6, active update 81, spike in a tile 1.7", _CHIP, 23.6, 81, 1.7),
    Chip("truenorth", "Merolla et al., Science 2014 (28 nm): 26 pJ for a synaptic event, all else of the chip included", _CHIP, 26, 0, 0),
    Chip("odin", "Frenkel et al., IEEE TBioCAS 2019 (28 nm): 12.7 pJ for a synaptic operation, all else of the chip included", _CHIP, 12.7, 0, 0),
)  # fmt: skip

#: published models by name; those that :func:`energy` shows by default come from different kinds of sources
ENERGY_MODELS = MappingProxyType({model.name: model for model in _MODELS})
