"""Domains: what synapses share a variable of their rule."""

from ranvier.dynamics.plasticity import Domain, Pairs
from ranvier.synapses.domains._branches import Branches
from ranvier.synapses.domains._target_cell import TargetCell
from ranvier.synapses.domains._whole_projection import WholeProjection
from ranvier.synapses.domains.registry import domain_kind, domain_kinds, register_domain

__all__ = [
    "Branches",
    "Domain",
    "Pairs",
    "TargetCell",
    "WholeProjection",
    "domain_kind",
    "domain_kinds",
    "register_domain",
]
