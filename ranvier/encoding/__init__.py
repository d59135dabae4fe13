"""Signals to spikes: every encoder gives a time-major tensor [T, B, …] and draws from a torch generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._elsewhere import elsewhere
from ranvier.encoding._basilar_membrane import BasilarMembrane
from ranvier.encoding._burst import burst
from ranvier.encoding._camera import EventCamera
from ranvier.encoding._cochlea import Cochlea
from ranvier.encoding._counts import adaptive_counts, counts_of_trains, trains_of_counts
from ranvier.encoding._delta import delta, undo_delta
from ranvier.encoding._eyes import eyes, microsaccades
from ranvier.encoding._habits import INSTEAD
from ranvier.encoding._hair_cells import HairCells
from ranvier.encoding._latency import latency, undo_latency
from ranvier.encoding._phase import phase, phase_weights
from ranvier.encoding._points import event_points, point_groups
from ranvier.encoding._population import population, receptive_fields
from ranvier.encoding._rate import bernoulli, poisson
from ranvier.encoding._saccades import TRIANGLE, saccades
from ranvier.encoding._textures import drift, textures
from ranvier.encoding._threshold_adaptive import ThresholdAdaptive
from ranvier.encoding._tokens import tokens
from ranvier.encoding._voxels import voxels
from ranvier.encoding.bushy_cells import BushyCells

__all__ = [
    "TRIANGLE",
    "BasilarMembrane",
    "BushyCells",
    "Cochlea",
    "EventCamera",
    "HairCells",
    "ThresholdAdaptive",
    "adaptive_counts",
    "bernoulli",
    "burst",
    "counts_of_trains",
    "delta",
    "drift",
    "event_points",
    "eyes",
    "latency",
    "microsaccades",
    "phase",
    "phase_weights",
    "point_groups",
    "poisson",
    "population",
    "receptive_fields",
    "saccades",
    "textures",
    "tokens",
    "trains_of_counts",
    "undo_delta",
    "undo_latency",
    "voxels",
]

if not TYPE_CHECKING:
    __getattr__ = elsewhere(__name__, INSTEAD)
