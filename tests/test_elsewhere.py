"""Names of other libraries in the packages of Ranvier: the error says what to write."""

from __future__ import annotations

from importlib import import_module

import pytest

CASES = [
    ("encoding", "rate", r"has no attribute 'rate': write bernoulli\(x, steps\)"),
    ("encoding", "undo_rate", r"spikes\.mean\(0\)"),
    ("encoding", "letancy", r"has no attribute 'letancy'\. Did you mean 'latency'"),
    ("surrogates", "fast_sigmoid", r"write FastSigmoid\(alpha=25\)"),
    ("surrogates", "atan", r"write ArcTan\(alpha=2\.0\)"),
    ("training.losses", "CrossEntropyLoss", r"OverTime\(torch\.nn\.CrossEntropyLoss\(\), at='mean'\)"),
    ("training.losses", "ce_rate_loss", r"write EveryStep\(\)"),
    (
        "compat.snntorch",
        "SLSTM",
        r"has no attribute 'SLSTM': a cell with gates has no counterpart: try rv\.Recurrent\(rv\.ALIF\(n\)",
    ),
    ("compat.snntorch", "StateLeaky", r"it is Leaky\(exp\(beta - 1\), reset_mechanism='none'\)"),
    ("compat.snntorch", "LeakyParallel", r"write rv\.Linear\(n, m\) and Leaky"),
    ("compat.snntorch", "BatchNormTT2d", r"write rv\.BatchNormThroughTime\(channels, steps=T\)"),
    ("compat.snntorch", "Laeky", r"has no attribute 'Laeky'\. Did you mean 'Leaky'"),
]


@pytest.mark.parametrize(("package", "name", "told"), CASES)
def test_the_error_says_what_to_write(package: str, name: str, told: str) -> None:
    module = import_module(f"ranvier.{package}")
    with pytest.raises(AttributeError, match=told):
        getattr(module, name)
    assert not hasattr(module, name)


@pytest.mark.parametrize("package", ["encoding", "surrogates", "training.losses", "compat.snntorch"])
def test_a_name_that_exists_is_not_among_them(package: str) -> None:
    module = import_module(f"ranvier.{package}")
    assert not set(module.INSTEAD) & set(module.__all__)
    written = " ".join(module.INSTEAD.values())
    assert any(name in written for name in module.__all__)
