"""The vector code draws the very numbers of the plain definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier.kernels.cpu.llvm.philox import counted_uniforms
from ranvier.values import uniforms

WORD = st.integers(0, 2**32 - 1)


@given(key=st.tuples(WORD, WORD), count=st.integers(0, 40), step=WORD, stream=WORD, start=st.integers(0, 2**40))
def test_equal_to_the_definition(key: tuple[int, int], count: int, step: int, stream: int, start: int) -> None:
    ours = counted_uniforms(key, count, step, stream, start)
    np.testing.assert_array_equal(ours, uniforms(key, count, step, stream, start))


@pytest.mark.parametrize("start", [0, 2**32 - 3, 2**32])
def test_the_element_crosses_a_word(start: int) -> None:
    np.testing.assert_array_equal(counted_uniforms((1, 2), 9, start=start), uniforms((1, 2), 9, start=start))
