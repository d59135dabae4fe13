"""Plasticity: published rules for weights that change, each a short record of equations."""

from ranvier.plasticity._dopamine import DopamineSTDP, Modulator
from ranvier.plasticity._homeostasis import IntrinsicPlasticity, SynapticScaling
from ranvier.plasticity._inhibitory import InhibitorySTDP
from ranvier.plasticity._power_law import MultiplicativeSTDP, PowerLawSTDP
from ranvier.plasticity._rates import BCM, Oja
from ranvier.plasticity._resume import ReSuMe, Teacher
from ranvier.plasticity._rewiring import Rewiring
from ranvier.plasticity._stdp import STDP
from ranvier.plasticity._tempotron import Tempotron, TempotronCell
from ranvier.plasticity._triplet import TripletSTDP
from ranvier.plasticity._voltage import VoltageSTDP, VoltageTraces

__all__ = [
    "BCM",
    "STDP",
    "DopamineSTDP",
    "InhibitorySTDP",
    "IntrinsicPlasticity",
    "Modulator",
    "MultiplicativeSTDP",
    "Oja",
    "PowerLawSTDP",
    "ReSuMe",
    "Rewiring",
    "SynapticScaling",
    "Teacher",
    "Tempotron",
    "TempotronCell",
    "TripletSTDP",
    "VoltageSTDP",
    "VoltageTraces",
]
