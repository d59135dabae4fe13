"""Texts, one token a step."""

from __future__ import annotations

from typing import Any

import torch

from ranvier.encoding import tokens
from ranvier.errors import RanvierError, ShapeError
from ranvier.network import Network
from ranvier.values import is_whole

__all__ = ["generate"]

Tensor = torch.Tensor


@torch.no_grad()
def generate(net: Network, prompt: Any, count: int, *, temperature: float = 1.0, seed: int = 0) -> Tensor:
    """Continue texts: each token is drawn from softmax(logits/temperature) and is the input of the next step.

    The network reads the prompt as a sequence and then runs in single steps, so that a token costs the same wherever it stands in the text.

    Parameters
    ----------
    net
        Takes tokens as spikes [T, B, size] (:func:`ranvier.encoding.tokens`) and gives logits [T, B, size]. It runs in evaluation mode and
        returns to its own mode.
    prompt
        [T, B] whole numbers, at least one step.
    count
        How many tokens to add.
    temperature
        0 takes the most probable token.
    seed
        Decides the draws.

    Returns
    -------
    Tensor
        The new tokens [count, B].

    Raises
    ------
    ShapeError
        Where the prompt is not [T, B] tokens or is empty, or the number of logits is not that of tokens.
    RanvierError
        For a count that is not a positive whole number, a temperature or seed below 0, and a network with several inputs or outputs.

    >>> net = rv.models.create("spikegpt_mini", characters=30)
    >>> text = rv.models.generate(net, torch.tensor([[3], [7]]), 20)
    """
    if not is_whole(count):
        raise RanvierError(f"generate: count={count!r} must be a positive whole number.")
    if not isinstance(temperature, int | float) or not temperature >= 0:
        raise RanvierError(f"generate: temperature={temperature!r} must be a number of 0 or above.")
    if not is_whole(seed, 0):
        raise RanvierError(f"generate: seed={seed!r} must be a whole number of 0 or above.")
    if not isinstance(net, Network):
        raise RanvierError(f"generate takes a network, got {type(net).__name__}: give rv.Sequential or rv.Network.")
    shapes = list(net.inputs.values())
    if len(shapes) != 1 or len(net.outputs) != 1 or shapes[0] is None or len(shapes[0]) != 1:
        raise RanvierError(
            "generate needs a network of one output and one input of a known size, one cell a token, such as one that begins with rv.Linear(size, …)."
        )
    size, draw, training = shapes[0][0], torch.Generator().manual_seed(seed), net.training
    spikes = tokens(prompt, size, dtype=net.dtype)
    if not len(spikes):
        raise ShapeError("generate: the prompt has no steps: begin with one token at least.")
    net.eval()
    try:
        out, state = net(spikes)
        if out.shape[-1] != size:
            raise ShapeError(f"generate: the network gives {out.shape[-1]} logits for {size} tokens.")
        made = [_next(out[-1], temperature, draw)]
        while len(made) < count:
            logits, state = net.step(tokens(made[-1][None], size, dtype=net.dtype)[0], state)
            made.append(_next(logits, temperature, draw))
    finally:
        net.train(training)
    return torch.stack(made)


def _next(logits: Tensor, temperature: float, draw: torch.Generator) -> Tensor:
    """A token [B] for each row."""
    if temperature == 0:
        return logits.argmax(1)
    below = (logits - logits.amax(1, keepdim=True)).double()  # so that no temperature makes an infinite logit
    return torch.multinomial((below / temperature).softmax(1), 1, generator=draw)[:, 0]
