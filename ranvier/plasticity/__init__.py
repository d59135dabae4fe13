"""Plasticity: published rules for weights that change, each a short record of equations."""

from ranvier.plasticity._stdp import STDP

__all__ = ["STDP"]
