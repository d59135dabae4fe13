"""Kernels made of sections: each section takes its arguments by name, whatever its place, and each thread has its own."""

from __future__ import annotations

import pytest
import torch

from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.sections import TABLES, Section, SectionKernel, Sections
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, at, counted
from ranvier.kernels.cpu.llvm.inner import Inner

SCALED = Signature(
    {"x of v": Array(REAL, "count"), "factor": Array(REAL, None), "out": Array(REAL, "count")}, ("count", "first")
)
HEAD = Signature({"log": Array(I32, None, optional=True)}, ("steps",))


def scaled(keys: tuple[str, ...]) -> SectionKernel:
    """``out[first:] = factor*x[first:]`` for both sections "a" and "b", by one function that they share."""
    f = Sections({key: HEAD if key == "head" else SCALED for key in keys}).open("scaled", torch.float64)
    real = f["a"].real
    inner = Inner(f.module, "section", TABLES)
    s, b = Section.inside(inner, SCALED, real), inner.builder
    x, factor, out, count, first = s["x of v", "factor", "out", "count", "first"]
    with counted(b, first, count) as k:
        b.store(b.fmul(b.load(at(b, x, k)), b.load(factor)), at(b, out, k))
    inner.close()
    with counted(f.builder, 0, f["head"]["steps"]):
        for key in ("a", "b"):
            inner.call(f.builder, f[key].tables)
    return f.compile()


def numbers(factor: float) -> dict:
    """Arguments of a section that starts from 1, 2, 3."""
    x = torch.arange(1.0, 4.0, dtype=torch.float64)
    return {"x of v": x, "factor": torch.tensor([factor], dtype=torch.float64), "out": torch.zeros_like(x)} | {
        "count": 3, "first": 0
    }  # fmt: skip


def test_the_order_of_sections_is_nobodys_business() -> None:
    for keys in (("head", "a", "b"), ("b", "head", "a")):
        a, b = numbers(2.0), numbers(-1.0)
        call = scaled(keys).call(1)
        call.fill("b", b)
        call.fill("head", {"log": None, "steps": 1})
        call.fill("a", a)
        call.run()
        assert a["out"].tolist() == [2.0, 4.0, 6.0]
        assert b["out"].tolist() == [-1.0, -2.0, -3.0]


def test_each_thread_has_its_own() -> None:
    a, b = numbers(3.0), numbers(1.0)
    outs = [torch.zeros(3, dtype=torch.float64) for _ in range(2)]
    shared = {n: v for n, v in a.items() if n not in ("out", "first")}
    call = scaled(("head", "a", "b")).call(2)
    call.fill("head", {"log": None, "steps": 1})
    call.fill("a", shared, {"out": outs, "first": [0, 2]})
    call.fill("b", b)
    call.run()
    assert [t.tolist() for t in outs] == [[3.0, 6.0, 9.0], [0.0, 0.0, 9.0]]


def test_a_place_in_an_array_will_do() -> None:
    a, b = numbers(2.0), numbers(1.0)
    pair = torch.tensor([5.0, 7.0], dtype=torch.float64)
    call = scaled(("head", "a", "b")).call(1)
    call.fill("head", {"log": None, "steps": 1})
    call.fill("a", a | {"factor": Place(pair, 8)})
    call.fill("b", b)
    call.run()
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
    call = scaled(("head", "a", "b")).call(1)
    with pytest.raises(error, match=told):
        call.fill("a", numbers(1.0) | changed)
    missing = numbers(1.0)
    del missing["first"]
    with pytest.raises(TypeError, match=r"missing or unknown: \['first'\]"):
        call.fill("a", missing)


def test_sections_have_no_reals() -> None:
    with pytest.raises(ValueError, match=r"section a has reals: \('scale',\)"):
        Sections({"a": Signature({}, (), ("scale",))})


def test_a_function_inside_a_kernel_refuses_other_names() -> None:
    f = Sections({"a": HEAD}).open("refusing", torch.float64)
    inner = Inner(f.module, "section", TABLES)
    with pytest.raises(TypeError, match=r"section takes \['pointers', 'integers'\], not \['pointers'\]"):
        inner.call(f.builder, {"pointers": f["a"].tables["pointers"]})
