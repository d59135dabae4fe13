"""Losses: what a network's output [T, B, C] is compared by. Any callable ``loss(out, target)`` will do too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._elsewhere import elsewhere
from ranvier.training.losses._contrastive import Contrastive
from ranvier.training.losses._detection import Detection
from ranvier.training.losses._distillation import Distillation
from ranvier.training.losses._end_point_error import EndPointError
from ranvier.training.losses._every_step import EveryStep
from ranvier.training.losses._first_spike import FirstSpike
from ranvier.training.losses._from_input import FromInput
from ranvier.training.losses._habits import INSTEAD
from ranvier.training.losses._margin import Margin
from ranvier.training.losses._masked_regression import MaskedRegression
from ranvier.training.losses._membrane import LastMembrane, MaxOverTime, MeanMembrane
from ranvier.training.losses._over_time import OverTime
from ranvier.training.losses._pooled import Pooled
from ranvier.training.losses._population_vector import PopulationVector
from ranvier.training.losses._regression import Regression
from ranvier.training.losses._signature import SignatureMMD
from ranvier.training.losses._spike_count import SpikeCount, SpikeRate
from ranvier.training.losses._spike_position import SpikePosition
from ranvier.training.losses._tasks import Tasks
from ranvier.training.losses._tet import TET
from ranvier.training.losses._time_to_first_spike import TimeToFirstSpike
from ranvier.training.losses._van_rossum import VanRossum
from ranvier.training.losses.loss import Loss

__all__ = [
    "TET",
    "Contrastive",
    "Detection",
    "Distillation",
    "EndPointError",
    "EveryStep",
    "FirstSpike",
    "FromInput",
    "LastMembrane",
    "Loss",
    "Margin",
    "MaskedRegression",
    "MaxOverTime",
    "MeanMembrane",
    "OverTime",
    "Pooled",
    "PopulationVector",
    "Regression",
    "SignatureMMD",
    "SpikeCount",
    "SpikePosition",
    "SpikeRate",
    "Tasks",
    "TimeToFirstSpike",
    "VanRossum",
]

if not TYPE_CHECKING:
    __getattr__ = elsewhere(__name__, INSTEAD)
