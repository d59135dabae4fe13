"""``reset_gradient`` of a cell and of a network is what ``reset=`` of a call would have said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ranvier as rv
from ranvier.errors import EquationError, RanvierError
from ranvier.units import ms

WORDS = ("surrogate", "detached", "level")


def network(
    word: str | None = None, of_cells: tuple[str | None, str | None] = (None, None), provider: str = "cpu"
) -> rv.Sequential:
    torch.manual_seed(4)
    first, second = (rv.ALIF(6, tau=5 * ms, reset_gradient=own) for own in of_cells)
    return rv.Sequential(
        rv.Linear(4, 6), first, rv.Linear(6, 6), second,
        dt=1 * ms, seed=1, dtype=torch.float64, provider=provider, **({} if word is None else {"reset_gradient": word}),
    )  # fmt: skip


def gradients(net: rv.Sequential, read: str = "spikes", **how: str) -> torch.Tensor:
    x = 3 * torch.randn(20, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    last = list(net.populations)[-1]
    seen = net.observe(x, record={last: [read]}, **how)[last][read]
    loss = (seen * torch.linspace(-1, 1, seen.numel(), dtype=torch.float64).reshape(seen.shape)).sum()
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))])


@pytest.mark.parametrize("provider", ["cpu", pytest.param("reference", marks=pytest.mark.slow)])
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("read", ["spikes", "v"])
def test_the_word_of_a_network_is_that_of_its_calls(word: str, read: str, provider: str) -> None:
    asked = gradients(network(provider=provider), read, reset=word)
    assert torch.equal(gradients(network(word, provider=provider), read), asked)
    assert torch.equal(gradients(network(of_cells=(word, word), provider=provider), read), asked)


def test_the_words_differ_and_a_call_overrules_them() -> None:
    found = {word: gradients(network(word)) for word in WORDS}
    assert all(not torch.allclose(found[a], found[b]) for a, b in zip(WORDS, WORDS[1:] + WORDS[:1], strict=True))
    assert torch.equal(gradients(network("detached"), reset="surrogate"), found["surrogate"])
    assert torch.equal(gradients(network()), found["surrogate"])


def test_a_cell_overrules_its_network() -> None:
    assert torch.equal(gradients(network("surrogate", ("detached", "detached"))), gradients(network("detached")))
    mixed = gradients(network("surrogate", ("detached", None)))
    assert not torch.allclose(mixed, gradients(network("surrogate")))
    assert not torch.allclose(mixed, gradients(network("detached")))


@pytest.mark.parametrize("window", [None, 5])
def test_rules_take_the_word_of_the_network(window: int | None) -> None:
    x = 3 * torch.randn(12, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    found = []
    for net, reset in ((network("detached"), "auto"), (network(), "detached"), (network(), "auto")):
        rv.rules.BPTT(window=window, reset=reset).gradient(net, x, lambda out: (out**2 * torch.arange(6)).sum())
        found.append(torch.cat([q.grad.flatten() for q in net.parameters()]))
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2])


def test_files_keep_it(tmp_path: Path) -> None:
    for k, net in enumerate((network("detached"), network(of_cells=("level", None)))):
        rv.save(net, tmp_path / f"net{k}")
        again = rv.load(tmp_path / f"net{k}")
        assert again.reset_gradient == net.reset_gradient
        assert torch.equal(gradients(again), gradients(net))


@pytest.mark.parametrize(
    "make",
    [lambda: rv.LIF(3, reset_gradient="times"), lambda: rv.Sequential(rv.LIF(3), dt=1 * ms, reset_gradient="cut")],
)
def test_other_words_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(RanvierError, match=r"reset_gradient=.* must be 'auto', 'surrogate', 'detached' or 'level'"):
        make()


def test_the_words_of_other_libraries_say_it() -> None:
    with pytest.raises(EquationError, match='reset_gradient="detached"'):
        rv.LIF(3, detach_reset=True)
    with pytest.raises(EquationError, match=r"rv\.compat\.snntorch\.Leaky"):
        rv.LIF(3, reset_delay=True)
