"""Errors: one family, readable text, safe passage between processes."""

from __future__ import annotations

import pickle

import pytest

from ranvier import errors


def test_every_error_is_of_the_family() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert issubclass(kind, UserWarning if name == "RanvierWarning" else errors.RanvierError)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("DimensionError", ValueError),
        ("EquationError", ValueError),
        ("ShapeError", ValueError),
        ("NumberError", TypeError),
        ("StateError", ValueError),
        ("FileFormatError", ValueError),
        ("MemoryLimitError", MemoryError),
        ("ProcessError", RuntimeError),
        ("ProviderError", RuntimeError),
        ("TrainingError", RuntimeError),
    ],
)
def test_errors_are_also_the_builtin_a_user_expects(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), builtin)


def test_an_equation_error_shows_its_line() -> None:
    error = errors.EquationError("tau is not defined; give it a value", "  dv/dt = -v/tau : mV")
    assert error.line == "dv/dt = -v/tau : mV"
    assert str(error).splitlines() == ["tau is not defined; give it a value", "    in: dv/dt = -v/tau : mV"]


def test_an_equation_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(errors.EquationError("wrong", "dv/dt = 1")))
    assert (error.message, error.line) == ("wrong", "dv/dt = 1")
