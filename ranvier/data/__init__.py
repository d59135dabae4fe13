"""Real data: sets in three fixed parts, event files, binning to [T, …], and changes for training."""

from __future__ import annotations

from ranvier.data._augment import Augmented, Blend, ChannelJitter, ChannelShift, Crop, TimeMask, TimeShift
from ranvier.data._bins import Bins
from ranvier.data._card import Card
from ranvier.data._errors import DataError
from ranvier.data._events import Events
from ranvier.data._guided import GuidedDrop, GuidedMix
from ranvier.data._idx import read_idx
from ranvier.data._load import load, names
from ranvier.data._masked_patches import MaskedPatches
from ranvier.data._readers import read_events
from ranvier.data._samples import Samples, Splits

__all__ = [
    "Augmented",
    "Bins",
    "Blend",
    "Card",
    "ChannelJitter",
    "ChannelShift",
    "Crop",
    "DataError",
    "Events",
    "GuidedDrop",
    "GuidedMix",
    "MaskedPatches",
    "Samples",
    "Splits",
    "TimeMask",
    "TimeShift",
    "load",
    "names",
    "read_events",
    "read_idx",
]
