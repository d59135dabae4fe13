"""Spiking motifs: generate rasters with planted ones, find them by learnt delays, and count how many were found."""

from ranvier.motifs._detector import MotifDetector
from ranvier.motifs._matching import Match, match_occurrences
from ranvier.motifs._motion import MotionDetector
from ranvier.motifs._planting import Motifs, draw_motifs, plant_motifs
from ranvier.motifs._raster import Raster

__all__ = [
    "Match",
    "MotifDetector",
    "Motifs",
    "MotionDetector",
    "Raster",
    "draw_motifs",
    "match_occurrences",
    "plant_motifs",
]
