"""Lists of calls: a driver walks them, each section takes its arguments by name, and each thread has its own."""

from __future__ import annotations

import pytest
import torch

from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.clock import Clock, clocks
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.sections import TABLES, Entry, OpenKind, Section, Sections, room, walk
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import F64, I32, I64, at, counted
from ranvier.kernels.cpu.llvm.inner import Inner

SCALED = Signature(
    {"x of v": Array(REAL, "count"), "factor": Array(REAL, None), "out": Array(REAL, "count")}, ("count", "first")
)
DRIVER = Signature({"clock": Array(I64, None), "calls": Array(I64, None), "log": Array(I32, None, optional=True)})
SCALE, ADD = 0, 1


def scaled() -> Routine:
    """``out[first:] = factor*x[first:]``; its other part adds 100 times the clock's step to ``out``."""
    f = OpenKind("scaled", SCALED, torch.float64)
    b, clock = f.builder, f.clock
    inner = Inner(f.function.module, "section", TABLES)
    s, within = Section.inside(inner, SCALED, F64), inner.builder
    x, factor, out, count, first = s["x of v", "factor", "out", "count", "first"]
    with counted(within, first, count) as k:
        within.store(within.fmul(within.load(at(within, x, k)), within.load(factor)), at(within, out, k))
    inner.close()

    def scale() -> None:
        with f.sections() as section:
            inner.call(b, section.tables)

    def add() -> None:
        more = b.fmul(b.sitofp(clock["n"], F64), F64(100.0))
        with f.sections() as section:
            out, count, first = section["out", "count", "first"]
            with counted(b, first, count) as k:
                b.store(b.fadd(b.load(at(b, out, k)), more), at(b, out, k))

    f.parts([scale, add])
    return f.compile()


def walker() -> Routine:
    f = DRIVER.open("walker")
    clock = Clock(f.builder, f["clock"])
    clock.set("n", I64(3))
    walk(f.builder, f["calls"])
    return f.compile()


def numbers(factor: float) -> dict:
    """Arguments of a section that starts from 1, 2, 3."""
    x = torch.arange(1.0, 4.0, dtype=torch.float64)
    return {"x of v": x, "factor": torch.tensor([factor], dtype=torch.float64), "out": torch.zeros_like(x)} | {
        "count": 3, "first": 0
    }  # fmt: skip


def made(threads: int = 1) -> Sections:
    return Sections(torch.float64, clocks(threads))


def run(sections: Sections, *calls: tuple[str, int]) -> None:
    entries = [Entry(scaled(), key, part) for key, part in calls]
    sections.fill("driver", DRIVER, {"log": None}, {"calls": sections.listed(entries)})
    sections.run(walker(), "driver")


def test_a_list_calls_any_number_of_sections_in_its_order() -> None:
    for calls, expected in (
        ([("a", SCALE), ("b", SCALE), ("a", ADD)], [302.0, 304.0, 306.0]),
        ([("a", ADD), ("b", SCALE), ("a", SCALE)], [2.0, 4.0, 6.0]),
    ):
        a, b, sections = numbers(2.0), numbers(-1.0), made()
        sections.fill("b", SCALED, b)
        sections.fill("a", SCALED, a)
        run(sections, *calls)
        assert a["out"].tolist() == expected
        assert b["out"].tolist() == [-1.0, -2.0, -3.0]


def test_an_empty_list_calls_nothing() -> None:
    run(made())
    sections = made()
    sections.fill("driver", DRIVER, {"log": None, "calls": room([SCALED] * 2)})
    sections.run(walker(), "driver")


def test_neighbours_of_a_kind_are_one_call() -> None:
    sections = made()
    for key in "abc":
        sections.fill(key, SCALED, numbers(1.0))
    kernel = scaled()
    calls = [Entry(kernel, key, part) for key, part in (("a", SCALE), ("b", SCALE), ("a", ADD), ("c", SCALE))]
    (listed,) = sections.listed(calls)
    assert listed[0] == 3
    assert len(listed) < len(room([SCALED] * 4))


def test_each_thread_has_its_own() -> None:
    a, b, sections = numbers(3.0), numbers(1.0), made(2)
    outs = [torch.zeros(3, dtype=torch.float64) for _ in range(2)]
    shared = {n: v for n, v in a.items() if n not in ("out", "first")}
    sections.fill("a", SCALED, shared, {"out": outs, "first": [0, 2]})
    sections.fill("b", SCALED, b)
    run(sections, ("a", SCALE), ("b", SCALE))
    assert [t.tolist() for t in outs] == [[3.0, 6.0, 9.0], [0.0, 0.0, 9.0]]


def test_a_place_in_an_array_will_do() -> None:
    a, sections = numbers(2.0), made()
    pair = torch.tensor([5.0, 7.0], dtype=torch.float64)
    sections.fill("a", SCALED, a | {"factor": Place(pair, 8)})
    run(sections, ("a", SCALE))
    assert a["out"].tolist() == [7.0, 14.0, 21.0]


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"x": torch.zeros(3)}, TypeError, r"missing or unknown: \['x'\]"),
        ({"x of v": None}, TypeError, "x of v is None"),
        ({"x of v": torch.zeros(3)}, TypeError, "x of v has dtype torch.float32, expected torch.float64"),
        ({"x of v": torch.zeros(4, dtype=torch.float64)}, ValueError, r"x of v has shape \(4,\), expected \(3\)"),
        ({"out": torch.zeros(6, dtype=torch.float64)[::2]}, ValueError, "out with strides"),
    ],
)
def test_what_a_section_cannot_take_is_refused_by_name(changed: dict, error: type[Exception], told: str) -> None:
    sections = made()
    with pytest.raises(error, match=told):
        sections.fill("a", SCALED, numbers(1.0) | changed)
    missing = numbers(1.0)
    del missing["first"]
    with pytest.raises(TypeError, match=r"missing or unknown: \['first'\]"):
        sections.fill("a", SCALED, missing)


def test_sections_have_no_reals() -> None:
    with pytest.raises(ValueError, match=r"section a has reals: \('scale',\)"):
        made().fill("a", Signature({}, (), ("scale",)), {"scale": 1.0})


def test_a_function_inside_a_kernel_refuses_other_names() -> None:
    f = OpenKind("refusing", SCALED)
    inner = Inner(f.function.module, "section", TABLES)
    with pytest.raises(TypeError, match=r"section takes \['pointers', 'integers'\], not \['pointers'\]"):
        inner.call(f.builder, {"pointers": f.builder.function.args[0]})
