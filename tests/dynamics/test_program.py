"""Straight-line programs: order, sharing, hoisting, selection of outputs, keys and cuts."""

from __future__ import annotations

import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import ranvier as rv
from ranvier.dynamics import Program, Statement, tidy
from ranvier.dynamics.functions import gt, jump, select
from ranvier.dynamics.program import Exponential, Prologue, Tape, hoist
from ranvier.neurons import CurrentLIF, HodgkinHuxley
from ranvier.units import ms
from tests.dynamics.evaluate import compiled

A, B, C, X, Y, Z = sp.symbols("a b c x y z")


def test_tidy_orders_shares_and_drops():
    statements = [
        Statement(Y, sp.sin(A + B) + X),
        Statement(X, sp.sin(A + B) * 2),
        Statement(Z, sp.exp(C)),
    ]
    program = tidy(statements, {"out": Y}, "_c")
    assert program.reads == ("a", "b")
    seen = {sp.Symbol(n) for n in program.reads}
    for statement in program.statements:
        assert statement.expression.free_symbols <= seen
        seen.add(statement.target)
    assert sum(s.expression.has(sp.sin) for s in program.statements) == 1
    assert float(compiled(program)({"a": 0.3, "b": 0.4})["out"]) == 3 * float(sp.sin(0.7))


def test_an_event_statement_keeps_its_comparison():
    statements = [Statement(X, gt(A, B), "spike"), Statement(Y, gt(A, B) + 1)]
    program = tidy(statements, {"spike": X, "other": Y}, "_c")
    (event,) = (s for s in program.statements if s.event)
    assert (event.target, event.expression) == (X, gt(A, B))


def test_hoist_takes_the_largest_steady_part():
    parts: list[sp.Expr] = []

    def coefficient(part: sp.Expr) -> sp.Symbol:
        parts.append(part)
        return sp.Symbol(f"p{len(parts)}")

    steady = frozenset({A, B})
    result = hoist(A * B * X + sp.exp(A / B), steady, coefficient)
    names = {part: sp.Symbol(f"p{k + 1}") for k, part in enumerate(parts)}
    assert result == names[A * B] * X + names[sp.exp(A / B)]
    assert hoist(2 * X, steady, coefficient) == 2 * X
    assert hoist(sp.Integer(3), steady, coefficient) == 3


def test_only_keeps_what_an_output_needs():
    program = HodgkinHuxley().step().program
    gate = program.only(("m",))
    assert set(gate.outputs) == {"m"}
    assert not any(s.event for s in gate.statements)
    assert len(gate.statements) < len(program.statements) / 2


def test_cut_resets_changes_jumps_alone():
    program = Program((Statement(Y, jump(X, A, B) + select(X, A, 0)),), {"y": jump(X, Y, 0)})
    cut = program.cut_resets()
    assert cut.statements[0].expression == select(X, A, B) + select(X, A, 0)
    assert cut.outputs["y"] == select(X, Y, 0)
    assert program.key != cut.key


def test_a_reset_that_two_states_share_is_cut_for_the_one_alone():
    cell = rv.Cell(
        "dv/dt = (x - v)/tau : 1\ndu/dt = -u/tau : 1\nx : 1 (input)",
        threshold="v > V_th", reset="v -= V_th\nu -= V_th", tau=10 * ms, V_th=1.0,
    )  # fmt: skip
    program = cell.step().program
    assert any(s.resets is None and s.expression.has(jump) for s in program.statements), "nothing is shared"
    cut = program.cut_resets(frozenset({"v"}))
    jumps = {n: any(s.expression.has(jump) for s in cut.only((n,)).statements) for n in ("v", "u")}
    assert jumps == {"v": False, "u": True}
    whole = program.cut_resets()
    assert not any(s.expression.has(jump) for s in whole.statements)


def test_keys_follow_structure_and_survive_rebuilding():
    first, second = (CurrentLIF().step(("I",)) for _ in range(2))
    assert first.key == second.key
    assert first.program.key == second.program.key
    assert CurrentLIF().step().key != first.key


def test_prologues_can_be_compared_and_hashed():
    first, second = (CurrentLIF().step(("I",)).prologue for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)


def test_a_tape_never_gives_a_name_twice():
    tape = Tape({"x"})
    branch = tape.branch()
    names = [str(tape.add("x", A)), str(branch.add("x", A)), str(tape.fresh("x")), str(branch.fresh("y"))]
    assert names == ["x_1", "x_2", "x_3", "y"]
    assert (len(tape.statements), len(branch.statements)) == (1, 1)


@given(st.lists(st.sampled_from([A * B, A + C, sp.sin(A * B), sp.exp(-C) * A, A * B + C]), min_size=1, max_size=6))
def test_tidy_never_changes_a_value(expressions: list[sp.Expr]):
    statements = [Statement(sp.Symbol(f"s{k}"), e) for k, e in enumerate(expressions)]
    outputs = {f"o{k}": s.target * 2 for k, s in enumerate(statements)}
    values = {"a": 0.7, "b": -1.3, "c": 0.2}
    plain = compiled(Program(tuple(statements), outputs))(values)
    tidied = compiled(tidy(statements, outputs, "_c"))(values | {"unused": 0.0})
    assert {n: float(tidied[n]) for n in outputs} == {n: float(plain[n]) for n in outputs}


def test_values_that_read_the_same_parameters() -> None:
    tau, width, dt = sp.symbols("tau width dt")
    prologue = Prologue((), (("a", sp.exp(-dt / tau)), ("b", dt / width), ("c", sp.floor(tau)), ("d", width * 2)))
    assert prologue.beside(["a"]) == {"a", "c"}
    assert prologue.beside(["b", "unknown"]) == {"b", "d"}
    assert not prologue.beside([])
    part = prologue.only(["c", "a"])
    assert part is not None
    assert [n for n, _ in part.scalars] == ["a", "c"]
    assert prologue.only(["a", "unknown"]) is None
    matrix = Prologue((Exponential(((tau,),), ((0, 0, "E"),), ((0, 0, "F"),)),), prologue.scalars)
    assert matrix.beside(["a"]) == {"a", "b", "c", "d", "E", "F"}
    assert matrix.only(["a"]) is None
