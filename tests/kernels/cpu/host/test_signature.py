"""Arguments of kernels by name: the right ones arrive at their names, and wrong ones are refused with their name."""

from __future__ import annotations

import pytest
import torch

from ranvier.kernels.cpu.host.checked import Place
from ranvier.kernels.cpu.host.routine import Routine
from ranvier.kernels.cpu.host.schedule import Call, Schedule
from ranvier.kernels.cpu.host.signature import REAL, Array, Signature
from ranvier.kernels.cpu.llvm.functions import I32, at, counted

ROWS = 3


def blend(arrays: tuple[str, ...], integers: tuple[str, ...]) -> Routine:
    """``out[r] = scale*(x[r, column[r]] + initial[r])``, with arguments in some order."""
    forms = {
        "x": Array(REAL, None, "columns", apart=True),
        "column": Array(I32, None),
        "initial": Array(REAL, "column", optional=True),
        "out": Array(REAL, "column"),
    }
    signature = Signature({n: forms[n] for n in arrays}, integers, ("scale",))
    f = signature.open("blend", torch.float64)
    b = f.builder
    x, column, initial, out = f["x", "column", "initial", "out"]
    start, stop, stride, scale = f["start", "stop", "stride", "scale"]
    with counted(b, start, stop) as r:
        place = b.add(b.mul(r, stride), b.zext(b.load(at(b, column, r)), start.type))
        value = b.fadd(b.load(at(b, x, place)), b.load(at(b, initial, r)))
        b.store(b.fmul(value, scale), at(b, out, r))
    return f.compile()


@pytest.fixture
def given() -> dict:
    return {
        "x": torch.arange(12.0, dtype=torch.float64).view(ROWS, 4),
        "column": torch.tensor([2, 0, 3], dtype=torch.int32),
        "initial": torch.tensor([0.5, 0.25, 0.125], dtype=torch.float64),
        "out": torch.zeros(ROWS, dtype=torch.float64),
        "stride": 4,
        "columns": 4,
        "scale": 2.0,
    }


@pytest.fixture(scope="module")
def kernel() -> Routine:
    return blend(("x", "column", "initial", "out"), ("start", "stop", "stride", "columns"))


WANTED = torch.tensor([5.0, 8.5, 22.25], dtype=torch.float64)


def test_the_order_of_arguments_is_nobodys_business(given: dict, kernel: Routine) -> None:
    other = blend(("out", "initial", "x", "column"), ("columns", "stop", "stride", "start"))
    for routine in (kernel, other):
        given["out"].zero_()
        routine.run(start=0, stop=ROWS, **given)
        assert torch.equal(given["out"], WANTED)


def test_rows_are_shared_between_spans(given: dict, kernel: Routine) -> None:
    kernel.over([(0, 1), (1, ROWS)], **given)
    assert torch.equal(given["out"], WANTED)


def test_rows_may_lie_apart_where_that_is_said(given: dict, kernel: Routine) -> None:
    wide = torch.zeros(ROWS, 7, dtype=torch.float64)
    wide[:, :4] = given["x"]
    kernel.run(start=0, stop=ROWS, **(given | {"x": wide[:, :4], "stride": 7}))
    assert torch.equal(given["out"], WANTED)


@pytest.mark.parametrize(
    ("changed", "error", "told"),
    [
        ({"x": torch.zeros(3, 4)}, TypeError, "x has dtype torch.float32, expected torch.float64"),
        ({"column": torch.zeros(3, dtype=torch.int64)}, TypeError, "column has dtype torch.int64"),
        ({"x": torch.zeros(12, dtype=torch.float64)}, ValueError, r"x has shape \(12,\), expected \(any, 4\)"),
        ({"columns": 5}, ValueError, r"x has shape \(3, 4\), expected \(any, 5\)"),
        ({"out": torch.zeros(2, dtype=torch.float64)}, ValueError, r"out has shape \(2,\), expected \(3\)"),
        ({"out": torch.zeros(6, dtype=torch.float64)[::2]}, ValueError, r"out with strides \(2,\) is not contiguous"),
        ({"x": torch.zeros(3, 8, dtype=torch.float64)[:, ::2]}, ValueError, "x with strides"),
        ({"x": torch.zeros(3, 4, dtype=torch.float64, device="meta")}, ValueError, r"x is on meta.*x\.cpu"),
        ({"out": None}, TypeError, "out is None"),
        ({"out": Place(torch.zeros(3))}, TypeError, "out has dtype torch.float32"),
        ({"weight": 1}, TypeError, "weight"),
    ],
)
def test_what_does_not_fit_is_refused(
    given: dict, kernel: Routine, changed: dict, error: type[Exception], told: str
) -> None:
    for call in (kernel.run, kernel.pack):
        with pytest.raises(error, match=told):
            call(start=0, stop=0, **(given | changed))


def test_an_argument_that_is_missing_is_named(given: dict, kernel: Routine) -> None:
    del given["column"]
    with pytest.raises(TypeError, match="column"):
        kernel.run(start=0, stop=0, **given)


def test_an_optional_array_may_be_none(given: dict, kernel: Routine) -> None:
    pointers, _, _ = kernel.pack(start=0, stop=0, **(given | {"initial": None}))
    assert [p == 0 for p in pointers] == [False, False, True, False]


def test_two_arguments_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="one name"):
        Signature({"x": Array(REAL, ...)}, ("x",))


def test_a_call_of_a_schedule_moves_its_places() -> None:
    signature = Signature({"source": Array(REAL, None), "out": Array(REAL, None)}, ("count",))
    f = signature.open("copy_some", torch.float32)
    b = f.builder
    source, out, count = f["source", "out", "count"]
    with counted(b, 0, count) as k:
        b.store(b.load(at(b, source, k)), at(b, out, k))
    copy = f.compile()
    x, out = torch.arange(10.0), torch.zeros(10)
    row = 2 * x.itemsize
    call = Call(copy, source=Place(x, step=row), out=Place(out, step=row), count=2)
    Schedule([call.between(1, 4)]).run(0, 5)
    assert out.tolist() == [0, 0, 2, 3, 4, 5, 6, 7, 0, 0]
    with pytest.raises(TypeError, match="count"):
        Call(copy, source=x, out=out)
