"""A norm on the membrane: the threshold compares the membrane as a batch norm sees it."""

from __future__ import annotations

from dataclasses import dataclass

from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._rewrite import replaced
from ranvier.neurons._wrapped import check_cell

__all__ = ["CellNorm", "MembraneNorm", "normed"]


@dataclass(frozen=True)
class CellNorm:
    """Which variable of a cell is normalised, and how: ``scale`` and ``shift`` are the parameters that its population sets.

    With ``threshold``, the name of a parameter, the variable is divided by the Hoyer extremum of its values in units of that
    parameter; without, it is standardised.
    """

    variable: str
    eps: float = 1e-5
    momentum: float = 0.1
    scale: str = "norm_scale"
    shift: str = "norm_shift"
    threshold: str | None = None

    @property
    def numbers(self) -> tuple[str, str]:
        """The names of both."""
        return self.scale, self.shift


def MembraneNorm(cell: Cell, *, variable: str = "v", eps: float = 1e-5, momentum: float = 0.1) -> Cell:
    """``cell``, whose threshold compares its normalised membrane: y = weight*(v - mean)/sqrt(var + eps) + bias.

    Only the threshold reads y: equations and reset keep v. mean and var [C] are taken over batch and space of each step in
    training, before the cells fire, and are running means in evaluation. The norm is then a threshold for each cell or
    channel, ``v > (V_th - bias)*sqrt(var + eps)/weight + mean`` where weight > 0, and :func:`ranvier.fold_norms` leaves the
    two numbers of each as parameters of the cell. No step depends on a later one, so a sequence may be cut anywhere.

    Training goes step by step, and every step runs twice: once without its spikes. BPTT and SLTT train such cells;
    rules that follow every sample by itself refuse them.

    Parameters
    ----------
    cell
        With a threshold that compares ``variable``, a number without unit. The population needs a size; C is its first axis.
    eps, momentum
        As in ``torch.nn.BatchNorm1d``. ``weight`` and ``bias`` [C] are learnt, as ``NAME.membrane_norm.weight``.

    Raises
    ------
    EquationError
        For a cell without such a threshold, or with a norm already.

    Source: Guo et al., ICCV 2023 (membrane potential batch normalization, MPBN).

    >>> net = rv.Sequential(rv.Linear(700, 256), rv.MembraneNorm(rv.LIF(256)), rv.Linear(256, 20), dt=1*ms)
    """
    return normed("MembraneNorm", cell, variable, eps, momentum)


def normed(owner: str, cell: Cell, variable: str, eps: float, momentum: float, threshold: str | None = None) -> Cell:
    """``cell`` with a norm on ``variable``, as the function called ``owner`` puts it there; the last three as in :class:`CellNorm`."""
    check_cell(owner, cell)
    for name, value, most in (("eps", eps, float("inf")), ("momentum", momentum, 1.0)):
        if not isinstance(value, int | float) or not 0 < value <= most or value == float("inf"):
            raise EquationError(f"{owner}: {name}={value!r} must be a positive number, momentum at most 1.", line=name)
    if cell.membrane_norm is not None:
        raise EquationError(
            f"{owner}: {cell.name} has a norm on {cell.membrane_norm.variable} already.", line=cell.name
        )
    if variable not in cell.system.states or not cell.system.dimensions[variable].is_none:
        raise EquationError(
            f"{owner}: {variable!r} is no variable of {cell.name} that is a number without unit: name one with variable=….",
            line=variable,
        )
    norm = CellNorm(variable, float(eps), float(momentum), threshold=threshold)
    condition, found = replaced(cell.threshold or "", variable, f"{norm.scale}*{variable} + {norm.shift}")
    if not found:
        raise EquationError(
            f"{owner}: the threshold of {cell.name}, {cell.threshold!r}, does not compare {variable!r}.",
            line=str(cell.threshold),
        )
    return cell.changed(
        threshold=condition, membrane_norm=norm, values={**cell.values, norm.scale: 1.0, norm.shift: 0.0}
    )
