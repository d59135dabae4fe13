"""Units: sizes, arithmetic, dimension errors, NumPy and torch, the edge, and how values are written."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ranvier import units
from ranvier.units import (
    UNITS,
    Dimension,
    DimensionError,
    Hz,
    Mohm,
    Quantity,
    as_quantity,
    cm,
    dimensionless,
    kHz,
    mM,
    ms,
    mV,
    nA,
    nF,
    nS,
    second,
    strip,
    uF,
    uS,
    volt,
)

finite = st.floats(-1e6, 1e6, allow_nan=False)
exponents = st.integers(-3, 3)
dimensions = st.builds(Dimension, exponents, exponents, exponents, exponents, exponents, exponents)
quantities = st.builds(Quantity, finite, dimensions)


class TestUnits:
    @pytest.mark.parametrize(
        ("long", "short"),
        [
            ("msiemens", 1e3 * uS), ("nsiemens", nS), ("ufarad", uF), ("pfarad", 1e-3 * nF), ("umetre", 1e-4 * cm),
            ("mmeter", 0.1 * cm), ("namp", nA), ("pampere", 1e-3 * nA), ("mvolt", mV), ("uvolt", 1e-3 * mV),
            ("msecond", ms), ("khertz", kHz), ("Mohm", Mohm), ("mmolar", mM), ("coulomb", 1e12 * nA * ms),
            ("joule", 1e15 * nA * mV * ms), ("watt", 1e12 * nA * mV), ("radian", dimensionless),
        ],
    )  # fmt: skip
    def test_long_names_are_the_same_units(self, long: str, short: Quantity) -> None:
        unit = UNITS[long]
        assert unit.dimension == short.dimension
        assert float(unit.value) == pytest.approx(float(short.value), rel=1e-15)

    def test_every_unit_is_exported(self) -> None:
        for name, unit in UNITS.items():
            if name != "1":
                assert getattr(units, name) is unit
        assert {*units.__all__} >= {"mV", "nS", "pF", "second", "siemens"}
        with pytest.raises(AttributeError, match="'mvlot'"):
            _ = units.mvlot

    @pytest.mark.parametrize(
        ("product", "unit"),
        [
            (nA / mV, uS),
            (nA * ms / mV, nF),
            (mV / nA, Mohm),
            (1 / ms, kHz),
            (units.amp / volt, units.siemens),
            (units.siemens * units.ohm, dimensionless),
            (units.farad * units.ohm, second),
            (1000 * Hz, kHz),
            (units.molar, 1000 * mM),
            (units.minute, 60 * second),
            (units.metre, 100 * cm),
        ],
    )
    def test_units_are_coherent(self, product: Quantity, unit: Quantity) -> None:
        assert product.dimension == unit.dimension
        assert product.to(unit) == pytest.approx(1.0, rel=1e-14)

    def test_base_units_have_size_one(self) -> None:
        for name in ("ms", "mV", "nA", "mm", "mM", "kelvin", "uS", "nF", "Mohm", "kHz"):
            assert UNITS[name].value == 1.0


class TestDimension:
    @pytest.mark.parametrize(
        ("dimension", "text"),
        [
            (Dimension(), "1"),
            (Dimension(voltage=1), "mV"),
            (Dimension(voltage=1, time=-1), "mV/ms"),
            (Dimension(current=1, voltage=-1), "uS"),
            (Dimension(current=1, voltage=-1, time=1, length=-2), "nF/mm**2"),
            (Dimension(time=-1), "kHz"),
            (Dimension(time=Fraction(-1, 2)), "1/ms**(1/2)"),
            (Dimension(temperature=1), "K"),
        ],
    )
    def test_text(self, dimension: Dimension, text: str) -> None:
        assert str(dimension) == text

    @given(dimensions, dimensions)
    def test_products_form_a_group(self, a: Dimension, b: Dimension) -> None:
        assert a * b == b * a
        assert a * b / b == a
        assert (a / a).is_none
        assert (a**2) ** 0.5 == a

    @given(dimensions)
    def test_equal_dimensions_hash_alike(self, a: Dimension) -> None:
        assert hash(a) == hash(Dimension(*(float(e) for e in a.exponents)))

    @given(dimensions)
    def test_the_text_reads_back(self, a: Dimension) -> None:
        names = {name: unit.dimension for name, unit in UNITS.items() if name.isidentifier()}
        names["K"] = names["kelvin"]
        text = str(a)
        # A leading 1 stands for no dimension.
        value = eval(text.replace("1/", "one/", 1) if text.startswith("1/") else text, {"one": Dimension(), **names})
        assert value == a or a.is_none

    def test_it_cannot_be_changed(self) -> None:
        with pytest.raises(AttributeError):
            Dimension().time = 1  # type: ignore[misc]


class TestArithmetic:
    @given(quantities, quantities)
    def test_products_multiply_values_and_dimensions(self, a: Quantity, b: Quantity) -> None:
        assert (a * b).value == a.value * b.value
        assert (a * b).dimension == a.dimension * b.dimension

    @given(finite, finite, dimensions)
    def test_sums_of_one_dimension(self, a: float, b: float, dimension: Dimension) -> None:
        total = Quantity(a, dimension) + Quantity(b, dimension)
        assert total == Quantity(a + b, dimension)
        assert Quantity(a, dimension) - Quantity(b, dimension) == Quantity(a - b, dimension)

    @pytest.mark.parametrize(
        "mistake",
        [
            lambda: ms + mV,
            lambda: ms - mV,
            lambda: ms + 1,
            lambda: 1 + ms,
            lambda: 1 - ms,
            lambda: ms < mV,
            lambda: ms >= 0,
            lambda: ms.to(mV),
            lambda: float(ms),
            lambda: 2**ms,
        ],
    )
    def test_mixed_dimensions_are_refused(self, mistake) -> None:
        with pytest.raises((DimensionError, TypeError)):
            mistake()

    def test_the_message_names_values_dimensions_and_remedy(self) -> None:
        with pytest.raises(DimensionError, match=r"cannot add 20 ms to -60 mV: .* ms and mV; multiply"):
            _ = 20 * ms + -60 * mV

    def test_a_dimension_error_is_a_value_error(self) -> None:
        assert issubclass(DimensionError, ValueError)

    def test_signs_powers_and_conversion(self) -> None:
        assert -(-3 * mV) == 3 * mV == +(3 * mV) == abs(-3 * mV)
        assert (4 * mV**2) ** 0.5 == 2 * mV
        assert (2 * second).to(ms) == 2000.0
        assert float(20 * ms / (10 * ms)) == 2.0
        assert 1 / (4 * ms) == 0.25 * kHz
        assert (ms, mV) != (mV, ms)

    def test_comparison(self) -> None:
        assert 1 * ms < 1 * second
        assert 2 * mV >= 2 * mV
        assert ms != mV
        assert ms != 1
        assert ms != "ms"
        assert dimensionless == 1.0
        assert hash(2 * dimensionless) == hash(2.0)
        assert {20 * ms: "a"}[0.02 * second] == "a"

    def test_nothing_changes_in_place(self) -> None:
        quantity = other = 2 * ms
        quantity *= 3
        assert (quantity, other) == (6 * ms, 2 * ms)
        with pytest.raises(AttributeError, match="cannot be changed"):
            other.value = 1.0

    @pytest.mark.parametrize("value", ["20", None, object(), ["a"], 1j])
    def test_only_numbers_are_values(self, value: object) -> None:
        with pytest.raises(TypeError):
            Quantity(value)

    @given(quantities)
    def test_copies_and_pickles_are_equal(self, quantity: Quantity) -> None:
        assert pickle.loads(pickle.dumps(quantity)) == quantity
        assert copy.deepcopy(quantity) == quantity


class TestArrays:
    def test_an_array_times_a_unit_is_one_quantity(self) -> None:
        quantity = np.array([1, 2]) * mV
        assert isinstance(quantity, Quantity)
        np.testing.assert_array_equal(quantity.value, [1.0, 2.0])
        assert (np.float64(2) * mV).value == 2.0
        assert isinstance(mV * [1, 2], Quantity)

    def test_elementwise_functions_keep_dimensions(self) -> None:
        quantity = np.array([1.0, 4.0]) * ms
        np.testing.assert_array_equal(np.sqrt(quantity).value, [1.0, 2.0])
        assert np.sqrt(quantity).dimension == ms.dimension**0.5
        assert np.square(quantity).dimension == ms.dimension**2
        np.testing.assert_array_equal(np.maximum(quantity, 2 * ms).to(ms), [2.0, 4.0])
        np.testing.assert_array_equal(np.exp(quantity / ms), np.exp([1.0, 4.0]))
        np.testing.assert_array_equal(np.isfinite(quantity), True)
        np.testing.assert_array_equal(quantity > 2 * ms, [False, True])
        np.testing.assert_array_equal(np.array([5.0, 1.0]) * ms > quantity, [True, False])

    @pytest.mark.parametrize(
        "mistake",
        [
            lambda: np.exp(mV),
            lambda: np.ones(2) + mV,
            lambda: np.ones(2) < mV,
            lambda: np.maximum(mV, ms),
            lambda: np.array([ms, ms]),
            lambda: np.asarray(np.ones(2) * mV),
        ],
    )
    def test_dimension_mistakes_are_refused(self, mistake) -> None:
        with pytest.raises(DimensionError):
            mistake()

    def test_out_and_reductions_are_refused(self) -> None:
        with pytest.raises(TypeError, match=r"pass q\.to"):
            np.add.reduce(np.ones(2) * mV)

    def test_containers(self) -> None:
        quantity = np.arange(3.0) * ms
        assert len(quantity) == 3
        assert quantity.shape == (3,)
        assert list(quantity) == [0 * ms, 1 * ms, 2 * ms]
        assert quantity[1] == 1 * ms
        with pytest.raises(TypeError):
            len(ms)
        with pytest.raises(TypeError):
            iter(ms)
        with pytest.raises(TypeError):
            ms[0]

    def test_dimensionless_becomes_an_array(self) -> None:
        np.testing.assert_array_equal(np.asarray(np.ones(2) * ms / ms), [1.0, 1.0])

    def test_a_tensor_keeps_its_gradient(self) -> None:
        tensor = torch.ones(2, requires_grad=True)
        strip(tensor * second, ms, "tau").sum().backward()
        assert tensor.grad is not None
        assert tensor.grad.tolist() == [1000.0, 1000.0]


class TestEdge:
    def test_numbers_arrays_and_tensors_are_dimensionless(self) -> None:
        assert as_quantity(2) == 2.0
        assert as_quantity([1, 2]).dimension.is_none
        assert as_quantity(torch.ones(3)).dimension.is_none
        assert as_quantity(ms) is ms

    def test_a_list_of_quantities_becomes_one(self) -> None:
        np.testing.assert_array_equal(as_quantity([1 * ms, 1 * second]).to(ms), [1.0, 1000.0])
        with pytest.raises(DimensionError, match="mV, ms"):
            as_quantity([ms, mV])

    def test_strip_gives_base_units(self) -> None:
        assert strip(2 * second, ms, "duration") == 2000.0
        assert strip(2 * second, ms.dimension, "duration") == 2000.0
        assert strip(3, dimensionless, "count") == 3.0

    @pytest.mark.parametrize(
        ("value", "unit", "message"),
        [
            (20, ms, r"tau_m = 20 is a plain number, but the dimension ms is needed; .* tau_m = 20\*ms"),
            (20 * mV, ms, r"tau_m = 20 mV has the dimension mV, but ms is needed"),
            (20 * ms, dimensionless, r"tau_m = 20 ms .* plain number is needed; divide"),
        ],
    )
    def test_strip_names_value_dimensions_and_remedy(self, value: object, unit: Quantity, message: str) -> None:
        with pytest.raises(DimensionError, match=message):
            strip(value, unit, "tau_m")

    @pytest.mark.parametrize(
        ("magnitude", "dimensionality", "expected"),
        [
            (0.02, {"[time]": 1}, 20 * ms),
            (-0.06, {"[mass]": 1, "[length]": 2, "[time]": -3, "[current]": -1}, -60 * mV),
            (1e-9, {"[mass]": -1, "[length]": -2, "[time]": 3, "[current]": 2}, 1 * nS),
            (0.01, {"[mass]": -1, "[length]": -4, "[time]": 4, "[current]": 2}, 1 * uF / cm**2),
            (5.0, {"[substance]": 1, "[length]": -3}, 5 * mM),
            (0.5, {}, 0.5 * dimensionless),
        ],
    )
    def test_pint_quantities_are_converted(self, magnitude: float, dimensionality: dict, expected: Quantity) -> None:
        base = SimpleNamespace(magnitude=magnitude, dimensionality=dimensionality)
        foreign = SimpleNamespace(to_base_units=lambda: base, dimensionality=dimensionality)
        quantity = as_quantity(foreign)
        assert quantity.dimension == expected.dimension
        assert quantity.value == pytest.approx(expected.value, rel=1e-12)

    def test_unknown_pint_dimensions_are_refused(self) -> None:
        base = SimpleNamespace(magnitude=1.0, dimensionality={"[luminosity]": 1})
        with pytest.raises(DimensionError, match="luminosity"):
            as_quantity(SimpleNamespace(to_base_units=lambda: base, dimensionality={"[luminosity]": 1}))

    def test_real_pint(self) -> None:
        pint = pytest.importorskip("pint", reason="pint comes with the extra `units`")
        registry = pint.UnitRegistry()
        assert strip(20 * registry.millisecond, ms, "tau") == pytest.approx(20.0)
        assert strip(9 * registry.microfarad / registry.centimeter**2, uF / cm**2, "C") == pytest.approx(90.0)
        assert strip([1, 2] * registry.volt, mV, "v") == pytest.approx([1000.0, 2000.0])


class TestText:
    @pytest.mark.parametrize(
        ("quantity", "text"),
        [
            (20 * ms, "20 ms"),
            (-60 * mV, "-60 mV"),
            (0.1 * ms, "0.1 ms"),
            (10 * second, "10 second"),
            (50 * Hz, "50 Hz"),
            (0.3 * nS, "300 pS"),
            (0 * mV, "0 mV"),
            (1 * uF / cm**2, "10 nF/mm**2"),
            (2 * dimensionless, "2"),
            (np.array([1.0, 2.0]) * mV, "[1., 2.] mV"),
            (np.arange(100.0) * mV, "[ 0.,  1.,  2., ..., 97., 98., 99.] mV"),
            (torch.ones(2) * mV, "[1., 1.] mV"),
            (float("nan") * mV, "nan mV"),
            (np.zeros(0) * mV, "[] mV"),
        ],
    )
    def test_the_unit_a_reader_would_choose(self, quantity: Quantity, text: str) -> None:
        assert str(quantity) == text
        assert repr(quantity) == text
        assert f"{quantity}" == text
