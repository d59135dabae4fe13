"""Plasticity: published rules for weights that change, each a short record of equations."""

from ranvier.plasticity._astrocyte import AstrocyteSTDP
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
from ranvier.synapses.domains import Branches, Domain, TargetCell, WholeProjection, register_domain

__all__ = [
    "BCM",
    "STDP",
    "AstrocyteSTDP",
    "Branches",
    "Domain",
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
    "TargetCell",
    "Teacher",
    "Tempotron",
    "TempotronCell",
    "TripletSTDP",
    "VoltageSTDP",
    "VoltageTraces",
    "WholeProjection",
    "register_domain",
]
