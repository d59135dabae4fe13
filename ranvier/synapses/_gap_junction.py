"""Electrical synapses."""

from __future__ import annotations

from ranvier.synapses._plasticity import Plasticity

__all__ = ["GapJunction"]


def GapJunction(v: str = "v", *, unit: str = "uS") -> Plasticity:
    """A current between two membranes, proportional to their difference.

    In every step a synapse of weight w (its conductance) delivers w*(v_pre - v_post), from the membranes at the start of
    the step. Connect in both directions, most easily with ``rv.FromMatrix`` of a symmetric matrix of conductances.

    Parameters
    ----------
    v
        The membrane of the cells [mV].
    unit
        Unit of the weight: ``"uS"`` for a port that takes a current, ``"1"`` for one in mV.

    There is no delay and no spike involved: the coupling is that of explicit integration, stable while the conductances
    of a cell stay small against C/dt.

    Source: Kopell & Ermentrout, PNAS 2004; the numerical scheme is that of Brian2's ``(summed)`` variables.

    >>> names = net.connect("cells", "cells", rv.FixedProbability(0.05), to="I", weight=1e-3*uS, plasticity=rv.GapJunction())
    """
    return Plasticity(every_step=f"sent = w*({v}_pre - {v}_post)", unit=unit, name="GapJunction")
