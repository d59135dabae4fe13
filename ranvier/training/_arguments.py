"""The arguments of a training: checked, and filled in where the user leaves the choice."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn.modules.loss import _Loss

from ranvier.errors import TrainingError
from ranvier.network import GraphError, Network
from ranvier.network.inner import beside_parts
from ranvier.training._early_stopping import EarlyStopping
from ranvier.training.batches import Source
from ranvier.training.losses import MaxOverTime, OverTime, SpikeCount
from ranvier.training.regularizers import Regularizer
from ranvier.training.rules import BPTT, Rule
from ranvier.values import is_whole

__all__ = [
    "check_arguments",
    "check_lengths",
    "check_limit",
    "check_list",
    "check_regularizers",
    "check_rewinds",
    "choose_loss",
    "choose_rule",
    "name_of",
]

Tensor = torch.Tensor
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def check_arguments(
    net: Network, epochs: int, batch_size: int, clip: float | None, early_stopping: int | None, valid_set: Any
) -> None:
    """Raise TrainingError or GraphError, with the remedy, where training cannot start."""
    if not isinstance(net, Network):
        raise TrainingError(f"train takes a network, got {type(net).__name__}: give rv.Network or rv.Sequential.")
    what = beside_parts(net, Network)
    if what is not None:
        raise TrainingError(
            f"rv.train runs the parts of a network and never calls it, but this one has {what}: put hooks on a part, such as "
            f"net['lif1'], or write the loop with net(x)."
        )
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not is_whole(value):
            raise TrainingError(f"{name}={value!r} must be a positive whole number.")
    if clip is not None and not clip > 0:
        raise TrainingError(f"clip={clip!r} must be a positive norm, or None.")
    if early_stopping is not None:
        EarlyStopping(early_stopping)
        if valid_set is None:
            raise TrainingError(f"early_stopping={early_stopping} needs a validation set to watch: pass valid_set.")
    if not net.inputs:
        raise GraphError("the network to train has no external input: declare one with net.input(…).")
    if not net.outputs:
        raise GraphError("the network to train has no output: make a population with output=True.")


def check_list(name: str, given: Any) -> None:
    """Raise unless it is a list, which can be read for every batch and epoch."""
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise TrainingError(f"{name}={given!r} is not a list: write {name}=[…].")


def check_limit(batches_per_epoch: int | None) -> None:
    """Raise unless it is a number of batches, or None."""
    if batches_per_epoch is not None and not is_whole(batches_per_epoch):
        raise TrainingError(f"batches_per_epoch={batches_per_epoch!r} must be a positive whole number, or None.")


def check_rewinds(batches: Source, checks: Source | None, epochs: int, checkpoint: Any) -> None:
    """Raise where a stream that is read only once would have to be read again."""
    again = "give an iterable that can be read again, or a function of the epoch that gives its batches"
    if checks is not None and not checks.rewinds and epochs > 1:
        raise TrainingError(
            f"{checks.name} is an iterator, which can be read only once, but every epoch ends with its score: {again}."
        )
    if checkpoint is not None and not batches.rewinds:
        raise TrainingError(
            f"{batches.name} is an iterator, which can be read only once, so a training cannot resume from it: {again}, or "
            f"train without checkpoint=…."
        )


def choose_rule(rule: Rule | None) -> Rule:
    """The given rule, or BPTT."""
    if rule is None:
        return BPTT()
    if not isinstance(rule, Rule):
        raise TrainingError(f"rule={rule!r} is not a learning rule: use one of rv.rules, for example rv.rules.BPTT().")
    return rule


def check_regularizers(regularizers: Any, rule: Rule, net: Network, lengths: Tensor | None = None) -> None:
    """That each is a regulariser, has something to watch, and that the rule brings its gradient."""
    check_list("regularizers", regularizers)
    for regularizer in regularizers:
        if not isinstance(regularizer, Regularizer):
            raise TrainingError(
                f"{regularizer!r} is not a regulariser: use one of rv.regularizers, or a class derived from "
                f"rv.regularizers.Regularizer."
            )
        regularizer.watched(net)
    if not regularizers or rule.regularizable:
        return
    if not rule.regularizable_per_step:
        raise TrainingError(
            f"{rule!r} carries no gradient of hidden signals, as {type(regularizers[0]).__name__} needs: use "
            f"rule=rv.rules.BPTT() or rv.rules.BPTT(checkpoint=…), or leave regularizers out."
        )
    whole = next((r for r in regularizers if not r.per_step), None)
    if whole is not None:
        raise TrainingError(
            f"{rule!r} sees one window of steps at a time, but {whole!r} is not a mean over steps: use "
            f"rv.regularizers.SpikeCost(…, power=1) or one on membranes, or rule=rv.rules.BPTT()."
        )
    if lengths is not None:
        raise TrainingError(
            f"{rule!r} sees one window of steps at a time, in which samples of unequal lengths weigh unequally: leave "
            f"regularizers out, or use rule=rv.rules.BPTT()."
        )


def check_lengths(loss: Callable[..., Any], lengths: Tensor | None) -> None:
    """That a loss takes lengths where the data gives some: only it can know how to leave out what is padded."""
    if lengths is None:
        return
    try:
        inspect.signature(loss).bind(None, None, lengths)
    except TypeError:
        raise TrainingError(
            f"the data says how many steps belong to each sample, but loss={name_of(loss)} does not take it: write "
            f"loss(out, target, lengths) and leave out the steps after each sample's end, or use one of rv.losses."
        ) from None
    except ValueError:  # a callable without a signature: the call itself will tell
        return


def choose_loss(net: Network, loss: Any, target: Any, steps: int) -> Callable[..., Any]:
    """The given loss; a plain torch loss only where ``target`` has a value for every step.

    Raises
    ------
    TrainingError
        Where it cannot be called, or is ambiguous; the message names the options.
    """
    if loss is None:
        emitted = {net.populations[n].cell.emit for n in net.outputs if n in net.populations}
        return SpikeCount() if emitted == {"spike"} else MaxOverTime()
    if isinstance(loss, _Loss):
        if not hasattr(target, "__array__"):
            what = "several by name" if isinstance(target, Mapping) else "missing"
            raise TrainingError(
                f"loss={type(loss).__name__}() compares one tensor of targets, but targets are {what}: use rv.losses.Tasks for "
                f"several, or rv.losses.FromInput to make them from the input."
            )
        shape = tuple(torch.as_tensor(target).shape)
        sizes = {net.shape_of(n) for n in net.outputs}
        every = OverTime(loss, at="every")
        tail = () if every.classifies else next(iter(sizes)) if len(sizes) == 1 else None
        alone = tail == (1,) and shape[1:] == (steps,)  # one cell needs no axis
        if tail is not None and (shape[1:] == (steps, *tail) or alone):
            return every
        name = type(loss).__name__
        raise TrainingError(
            f"loss={name}() does not say which output it judges, as targets have shape {shape} and no axis of {steps} steps: "
            f"write rv.losses.OverTime({name}(), at='mean') for the mean over time, at='every' for every step, or at='last' "
            f"for the last step."
        )
    if isinstance(loss, type):
        raise TrainingError(f"loss={loss.__name__} is a class: write {loss.__name__}(…).")
    if not callable(loss):
        raise TrainingError(f"loss={loss!r} cannot be called: use one of rv.losses, a torch.nn loss, or a function.")
    return loss


def name_of(part: Any) -> str | None:
    """How a setting is written in a checkpoint: functions by name, without their address."""
    if part is None or isinstance(part, str):
        return part
    return getattr(part, "__qualname__", None) or _ADDRESS.sub("", repr(part))
