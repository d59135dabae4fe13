"""The providers change as a whole: nobody sees half a list, and nothing built before stays."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
import torch

import ranvier as rv
from ranvier import kernels
from ranvier.kernels import drawing, registry
from ranvier.units import ms
from tests.kernels.providers.counting import Counting
from tests.kernels.providers.registered import registered


class Answering(Counting):
    """Says ``answer`` to every shape."""

    name = "answering"

    def __init__(self, answer: Any, built: Any = None) -> None:
        super().__init__()
        self.answer, self.made = answer, built

    def offer(self, shape: Any, request: Any) -> Any:
        return self.answer

    def build(self, shape: Any, variant: str) -> Any:
        return self.made


def net() -> rv.Network:
    return rv.Sequential(rv.Linear(3, 2), rv.LIF(2), dt=1 * ms, provider="answering")


@pytest.mark.parametrize("answer", [None, True, "yes", kernels.Offer])
def test_an_answer_that_is_neither_offer_nor_refusal_names_its_provider(answer: Any) -> None:
    with registered(Answering(answer)):
        made = net()
        with pytest.raises(rv.errors.ProviderError, match=r"'answering' answers ScanShape\(name='lif1'\) with .* must return an Offer or a Refusal"):  # fmt: skip
            made(torch.zeros(2, 1, 3))


def test_a_build_that_gives_nothing_names_its_provider() -> None:
    with registered(Answering(kernels.Offer("at once"))):
        made = net()
        with pytest.raises(rv.errors.ProviderError, match=r"'answering' builds None for .* must return a function"):
            made(torch.zeros(2, 1, 3))


def test_draws_ask_the_providers_of_the_moment() -> None:
    key, counting = (1, 2), Counting()
    expected = drawing.counted_uniforms(key, 5)
    kernels.register(counting, before="cpu")
    try:
        assert (drawing.counted_uniforms(key, 5) == expected).all()
    finally:
        kernels.withdraw("counting")
    assert counting.calls == {"DrawShape": 1}
    drawing.counted_uniforms(key, 5)
    assert counting.calls == {"DrawShape": 1}


def test_every_change_is_a_generation() -> None:
    before = registry.generation()
    with registered(Counting()):
        assert registry.generation() == before + 1
    assert registry.generation() == before + 2


def test_a_thread_that_reads_sees_every_provider_while_another_registers() -> None:
    missing, stop, interval = [], threading.Event(), sys.getswitchinterval()

    def read() -> None:
        while not stop.is_set():
            found = {p.name for p in registry.providers()}
            missing.extend({"cpu", "reference"} - found)

    reader = threading.Thread(target=read)
    sys.setswitchinterval(1e-6)
    try:
        reader.start()
        for _ in range(500):
            with registered(Counting()):
                pass
    finally:
        stop.set()
        reader.join()
        sys.setswitchinterval(interval)
    assert not missing
    assert registry.names() == ("cpu", "reference")
