"""A cell that runs once in several steps, on the sum of what arrived in them, and sends its spikes one by one."""

from __future__ import annotations

import ast

from ranvier.dynamics import TIME
from ranvier.errors import EquationError
from ranvier.neurons._cell import Cell
from ranvier.neurons._rewrite import replaced

__all__ = ["in_substeps"]


def in_substeps(cell: Cell, count: int, start: int, *, output: bool = False) -> Cell:
    """``cell`` as one that advances once in every ``count`` steps and emits 0 and 1.

    Steps 0 to count - 1 of a block collect what arrives. The first step of the next block advances the cell by the sums, with ``count*dt`` in
    the place of dt. If the cell emits a whole number s, a spike then follows in each of the first s steps of the block, which is what an
    integrate-and-fire cell without leak fires from v = s with a threshold of 1/2 and a reset by subtraction of 1.

    Parameters
    ----------
    count
        Steps in a block: at least the largest number that the cell emits.
    start
        The step in which the cell first advances, a multiple of ``count``.
    output
        Whether a cell that never fires is read by nobody but the user: it then emits its value in the first step of a block, and 0 in the others.

    Raises
    ------
    EquationError
        For a cell with differential equations, noise, a refractory period or another part that has no such form.
    """
    _check(cell)
    system = cell.system
    ports = {port: f"collected_{port}" for port in system.inputs}
    words = {"dt": f"({count}*dt)", **ports}
    lines = [
        f"substep = floor(t/dt + 0.5) - {count}*floor((floor(t/dt + 0.5) + 0.5)/{count}) : 1",
        f"running = floor(t/dt + 0.5) - {start} : 1",
    ]
    turn = "substep < 0.5 and running > -0.5"
    for equation in system.equations:
        unit = equation.line.rsplit(":", 1)[1].split("(")[0].strip()
        name, body = equation.name, equation.tree and _written(ast.unparse(equation.tree), words)
        if name in ports:
            lines += [
                f"{name} : {unit} (input)",
                f"{ports[name]}' = where(substep < 0.5, {name}, {ports[name]} + {name}) : {unit}",
            ]
        elif equation.kind == "update":
            lines.append(f"{name}' = where({turn}, {body}, {name}) : {unit}")
        else:
            lines.append(f"{name} = {body} : {unit}")
    sent = cell.emit or ""
    if not system.states:
        lines.append(f"held' = where({turn}, {sent}, held) : 1")
        sent = "held"
    text = "\n".join(lines)
    kept = {"surrogate": None, "reset_gradient": None, "method": None, "size": None}
    if sent == "spike":
        reset = _written(cell.reset or "", words)
        return cell.changed(
            equations=text, threshold=f"({_written(cell.threshold or '', words)}) and {turn}", reset=reset, **kept
        )
    if output and not cell.fires:
        return cell.changed(equations=f"{text}\nread = where({turn}, {sent}, 0) : 1", emit="read", **kept)
    return cell.changed(
        equations=text, threshold=f"{sent} > substep + 0.5 and running > -0.5", reset=None, emit="spike", **kept
    )


def _written(text: str, words: dict[str, str]) -> str:
    for name, expression in words.items():
        text, _ = replaced(text, name, expression)
    return text


def _check(cell: Cell) -> None:
    """Refuse a cell that cannot advance once in several steps."""
    system = cell.system
    names = {node.id for e in system.equations if e.tree for node in ast.walk(e.tree) if isinstance(node, ast.Name)}
    reads = [e for e in system.equations if e.kind == "subexpression" and e.tree and _reads(e.tree, system.inputs)]
    why = None
    if system.odes:
        why = (
            f"d{next(iter(system.odes))}/dt is a differential equation; write it as an update, such as v' = beta*v + x"
        )
    elif system.noises or TIME in names:
        why = "it draws noise or reads the time t"
    elif system.refractory or cell.events or cell.arrivals or cell.before_firing or cell.membrane_norm is not None:
        why = "it has a refractory period, further events, redirected arrivals, statements before firing or a norm"
    elif cell.emit is None:
        why = "it emits nothing"
    elif cell.emit != "spike" and cell.reset:
        why = f"it emits {cell.emit} and has a reset; a spike must be its emission"
    elif system.states and reads:
        why = f"{reads[0].name} reads an input beside a variable; write the input in the update of the variable"
    if why is not None:
        raise EquationError(f"{cell.name} cannot run once in several steps: {why}.", line=cell.name)


def _reads(tree: ast.expr, names: tuple[str, ...]) -> bool:
    return any(isinstance(node, ast.Name) and node.id in names for node in ast.walk(tree))
