"""From trained networks of torch to spiking ones."""

from ranvier.conversion import operators
from ranvier.conversion.convert import Conversion, convert
from ranvier.conversion.qcfs import QCFS, quantize_activations
from ranvier.conversion.report import Agreement, Row
from ranvier.conversion.roles import Adds, Averages, Fires, Maps, Passes, Refused, Role, Scales
from ranvier.conversion.salient import channel_saliency, merged_steps, salient_levels
from ranvier.conversion.unfold import Unfolded, unfold

__all__ = [
    "QCFS",
    "Adds",
    "Agreement",
    "Averages",
    "Conversion",
    "Fires",
    "Maps",
    "Passes",
    "Refused",
    "Role",
    "Row",
    "Scales",
    "Unfolded",
    "channel_saliency",
    "convert",
    "merged_steps",
    "operators",
    "quantize_activations",
    "salient_levels",
    "unfold",
]
