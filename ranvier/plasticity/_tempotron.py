"""The tempotron: a cell that learns to fire for some patterns of spikes and to stay silent for others."""

from __future__ import annotations

from typing import Any

from ranvier.errors import EquationError
from ranvier.neurons import Cell
from ranvier.plasticity._resume import Teacher
from ranvier.synapses import Plasticity
from ranvier.synapses.ranges import require
from ranvier.units import as_quantity, ms, mV

__all__ = ["Tempotron", "TempotronCell"]

#: gain of the membrane that makes the peak of one arrival its weight, also for equal time constants
_GAIN = "exp(1/exprel(log(tau_s/tau_m)))"


def TempotronCell(
    size: int | tuple[int, ...] | None = None, *, tau_m: Any = 15 * ms, tau_s: Any = 3.75 * ms, V_th: Any = 20 * mV
) -> Cell:
    """A leaky cell that remembers its highest membrane until a teacher ends the trial.

    dv/dt = (s*r - v)/tau_m, dr/dt = -r/tau_s: one arrival at r raises v by a bump whose peak is its weight; a spike
    (in every step) where v > V_th, without reset. v_max is the highest v of the trial; it starts anew after an arrival at
    the port ``teach``.

    Parameters
    ----------
    size
        Number of cells.
    tau_m, tau_s
        Time constants of membrane and synapse [ms].
    V_th
        Threshold above rest [mV].

    Source: Gütig & Sompolinsky, Nature Neuroscience 2006.

    >>> readout = net.population("readout", 1, rv.plasticity.TempotronCell())
    """
    cell = Cell(
        f"""
        dv/dt = ({_GAIN}*r - v)/tau_m : mV
        dr/dt = -r/tau_s : mV
        v_max' = where(teach_seen > 0 or teach_seen < 0, 0*mV, maximum(v_max, v)) : mV
        """
        + Teacher().equations,
        threshold="v > V_th", name="tempotron", size=size, tau_m=tau_m, tau_s=tau_s, V_th=V_th,
    )  # fmt: skip
    return cell


def Tempotron(
    *, eta: Any = 0.1 * mV, tau_m: Any = 15 * ms, tau_s: Any = 3.75 * ms, V_th: Any = 20 * mV, teacher: str = "teach"
) -> Plasticity:
    """Supervised: after a wrong trial every synapse changes by what it brought at the moment of the highest membrane.

    K(t) = s*(exp(-t/tau_m) - exp(-t/tau_s)), scaled to a peak of 1, summed over the input spikes of the trial and taken at
    the time of the highest v, is ``peak``. At the end of a trial a teacher sends +1 to a cell that should have fired and -1
    to one that should not: w += eta*peak if it was silent, w -= eta*peak if it fired; right answers change nothing.

    Parameters
    ----------
    eta
        Size of a change; the unit of the weight [mV].
    tau_m, tau_s, V_th
        Those of the :func:`TempotronCell`.
    teacher
        Its port for the teacher.

    Raises
    ------
    EquationError
        For equal time constants, where the kernel is none of this form.

    Source: Gütig & Sompolinsky, Nature Neuroscience 2006.

    >>> readout = net.population("readout", 1, rv.plasticity.TempotronCell())
    >>> label = net.source("label", rv.SpikeTrains([50]*ms, [0], 1))
    >>> names = net.connect("label", "readout", rv.OneToOne(), to="teach", weight=1)
    >>> names = net.connect("input", "readout", rv.AllToAll(), to="r", weight=1*mV, plasticity=rv.plasticity.Tempotron())
    """
    require("Tempotron", above=0, tau_m=tau_m, tau_s=tau_s)
    ratio = float(as_quantity(tau_m).value) / float(as_quantity(tau_s).value)
    if ratio == 1:
        raise EquationError(f"Tempotron: tau_m and tau_s are both {tau_m}: make them differ.", line="Tempotron")
    peak = ratio ** (ratio / (ratio - 1)) / (ratio - 1)
    seen, highest = f"{teacher}_seen_post", "maximum(v_max_post, v_post)"
    return Plasticity(
        """
        da/dt = -a/tau_m : 1
        db/dt = -b/tau_s : 1
        peak' = peak : 1
        """,
        on_pre="a += 1; b += 1",
        every_step=f"""
        peak = where(v_post > v_max_post, scale*(a - b), peak)
        w += where({seen} > 0 and {highest} <= V_th, eta*peak, where({seen} < 0 and {highest} > V_th, -eta*peak, 0*eta))
        peak = where({seen} > 0 or {seen} < 0, 0, peak)
        """,
        name="Tempotron", eta=eta, tau_m=tau_m, tau_s=tau_s, V_th=V_th, scale=peak,
    )  # fmt: skip
