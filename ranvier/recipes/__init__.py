"""Claims of the literature as recipes: each is a module with a declaration ``recipe`` and a function ``run``."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from ranvier._nearest import meant

if TYPE_CHECKING:
    from ranvier.recipes import (
        astrocyte_memory,
        braille,
        brunel,
        celegans,
        coba_cuba,
        delay_patterns,
        digits_and_circuit,
        dragon_hatchling,
        event_digits,
        fashion_mnist,
        fewer_steps,
        lateral_inhibition,
        leaky_memory,
        learn_pattern,
        learned_encoder,
        learning_rules,
        lif_memory,
        lmuformer,
        low_bit_attention,
        masked_pretraining,
        membrane_losses,
        membrane_norm,
        microcircuit,
        motifs,
        motion_detection,
        multimodal_fusion,
        noisy_spike_times,
        one_model,
        polychrony,
        predictive_coding,
        pretraining,
        recover_weights,
        rectified_membrane,
        reservoir,
        ring_attractor,
        rule_costs,
        scaling,
        slow_and_fast,
        song2000,
        spacetime_attention,
        sparse_events,
        sparse_voxels,
        spike_coding,
        spike_driven,
        spike_point,
        spiking_detection,
        spiking_language,
        spoken_digits,
        static_to_events,
        steady_training,
    )

__all__ = [
    "astrocyte_memory",
    "braille",
    "brunel",
    "celegans",
    "coba_cuba",
    "delay_patterns",
    "digits_and_circuit",
    "dragon_hatchling",
    "event_digits",
    "fashion_mnist",
    "fewer_steps",
    "lateral_inhibition",
    "leaky_memory",
    "learn_pattern",
    "learned_encoder",
    "learning_rules",
    "lif_memory",
    "lmuformer",
    "low_bit_attention",
    "masked_pretraining",
    "membrane_losses",
    "membrane_norm",
    "microcircuit",
    "motifs",
    "motion_detection",
    "multimodal_fusion",
    "noisy_spike_times",
    "one_model",
    "polychrony",
    "predictive_coding",
    "pretraining",
    "recover_weights",
    "rectified_membrane",
    "reservoir",
    "ring_attractor",
    "rule_costs",
    "scaling",
    "slow_and_fast",
    "song2000",
    "spacetime_attention",
    "sparse_events",
    "sparse_voxels",
    "spike_coding",
    "spike_driven",
    "spike_point",
    "spiking_detection",
    "spiking_language",
    "spoken_digits",
    "static_to_events",
    "steady_training",
]

#: all recipes
names = tuple(__all__)


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"there is no recipe {name!r}.{meant(name, __all__)} There are: {', '.join(__all__)}.")
    return import_module(f"ranvier.recipes.{name}")
