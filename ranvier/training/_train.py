"""The training loop."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ranvier.errors import TrainingError
from ranvier.limits import spell
from ranvier.network import Network
from ranvier.network.saving import fingerprint, plain
from ranvier.training._arguments import (
    check_arguments,
    check_lengths,
    check_limit,
    check_list,
    check_regularizers,
    check_rewinds,
    choose_loss,
    choose_rule,
)
from ranvier.training._average import Average, Averages, choose_average
from ranvier.training._callbacks import Callback, call, check_callbacks
from ranvier.training._course import Course
from ranvier.training._data_print import fingerprint_of_data
from ranvier.training._fit import Epoch, Fit
from ranvier.training._loop import Loop
from ranvier.training._optimizer_state import optimizer_settings
from ranvier.training._optimizers import make_optimizers
from ranvier.training._progress import Display
from ranvier.training._scoring import choose_metrics
from ranvier.training._signals import check_input, plan_of
from ranvier.training._updates import Updates, check_accumulate
from ranvier.training.batches import fits_batches, open_batches, steps_of
from ranvier.training.checkpoint import Checkpoint
from ranvier.training.health import Health
from ranvier.training.memory import forecast
from ranvier.training.mixed import choose_precision
from ranvier.training.regularizers import Regularizer
from ranvier.training.rules import Rule
from ranvier.training.scales import choose_scales
from ranvier.training.schedules import Given, choose_schedule

__all__ = ["train"]

Tensor = torch.Tensor


def train(
    net: Network,
    train_set: Any,
    valid_set: Any = None,
    *,
    epochs: int,
    rule: Rule | None = None,
    loss: Callable[..., Tensor] | None = None,
    metric: str | Callable[..., Any] | Sequence[str | Callable[..., Any]] | None = None,
    optimizer: str
    | torch.optim.Optimizer
    | Sequence[torch.optim.Optimizer]
    | Callable[..., torch.optim.Optimizer] = "adam",
    lr: float = 1e-3,
    scale: str | Mapping[str, float] | None = "auto",
    batch_size: int = 64,
    batches_per_epoch: int | None = None,
    clip: float | None = None,
    schedule: Given = None,
    accumulate: int = 1,
    average: float | Average | None = None,
    precision: str | None = None,
    regularizers: Sequence[Regularizer] = (),
    callbacks: Sequence[Callback] = (),
    early_stopping: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: bool = True,
    restore_best: bool | str = True,
) -> Fit:
    """Train a network; it changes in place, and the record of how is returned.

    Parameters
    ----------
    net
        A network with an external input and an output. Any torch loop written by hand trains it too.
    train_set, valid_set
        A pair of tensors (x [S, T, …], y [S, …]), a torch ``Dataset`` of samples (x [T, …], y), or a ``DataLoader``
        of batches (x [B, T, …], y [B, …]). A stream is an ``IterableDataset`` of samples, an iterable of batches (a list
        holds samples), or a function that gives the batches of epoch 1, 2, …; its length need not be known. ``y`` may be a
        mapping by task, or None.
        With samples of different length, padded to one, each has a third part: how many steps belong to the sample;
        ``loss(out, target, lengths)`` is then called with it.
    epochs
        Passes over the training set, or over ``batches_per_epoch`` batches of it.
    rule
        How gradients reach the parameters; ``rv.rules.BPTT()`` where None.
    loss
        ``loss(out, target)`` with the output [T, B, C] and targets as the data holds them: one of ``rv.losses`` or a
        function. Wrap a ``torch.nn`` loss in ``rv.losses.OverTime(loss, at="mean")``, ``at="every"`` or ``at="last"``;
        a plain one needs targets [S, T, …], with a value for every step. Where None, ``SpikeCount`` for an output of
        spikes and ``MaxOverTime`` for any other.
    metric
        Scores beside the loss: ``"accuracy"`` for classes, ``"rmse"``, ``"mae"`` or ``"r2"`` for values, a function
        ``(out, target)`` whose larger values are better, a ``rv.training.Metric``, or several of them. The first chooses the
        best epoch; with ``"loss"`` the loss chooses. None takes the metric of the loss: accuracy for classes, an error
        for ``rv.losses.Regression``; for a loss without one, the loss itself chooses.
    optimizer
        ``"adam"``, ``"adamw"``, ``"sgd"``, a torch optimiser, or what makes one from (parameters, lr=…). A torch optimiser may
        have groups of parameters with rates of their own; the optimisers of a list hold different parameters and step together.
        Parameters that no optimiser holds stay as they are.
    lr
        Learning rate.
    scale
        The unit of ``lr`` for each parameter. ``"auto"``: for parameters with a physical unit (weights in µS, time
        constants, delays) and weights of single synapses, the root mean square of the first values, or the distance
        between the bounds where that is less; 1 for all others. Factors by name (``net.named_parameters()``) replace
        these; None leaves all at 1, as for an optimiser object. Factors are rounded to powers of two, so that scaling
        loses no digit.
    batch_size
        Samples per batch.
    batches_per_epoch
        An epoch is this number of batches, also across the end of a pass. None: one pass.
    clip
        Largest norm of the gradient, in the units of ``scale``; a longer one is scaled down.
    schedule
        None, ``"cosine"`` (to 0 over all epochs), a function of the epochs done that gives a factor on ``lr``, or
        ``rv.training.TorchSchedule(make)``: any schedule of torch, moved on after every epoch or update.
    accumulate
        Batches for one update: their gradients are averaged over samples, so that ``batch_size=16, accumulate=4`` steps as
        ``batch_size=64`` does, in the memory of 16. The batches that remain at the end of an epoch make one more update. Losses that
        compare the samples of a batch (``Contrastive``, ``SignatureMMD``) differ between the two.
    average
        Keep an exponential moving average of the parameters with this decay per update, or any
        ``rv.training.Average``. The network is validated with the averages, the best epoch keeps them, and the training
        ends with them; callbacks see the trained parameters, not the averages. Running statistics of norms are not averaged.
    precision
        ``"bf16-mixed"`` or ``"16-mixed"``: matrices and convolutions run in bfloat16 or float16, by torch's rule of autocast, under the
        rules BPTT and SLTT (``docs/precision.md``). In float16 the loss has a scale that adapts, and training skips updates whose
        gradient overflows. None or ``"32-true"``: in the dtype of the network.
    regularizers
        Added to the loss of every batch: some of ``rv.regularizers``.
    callbacks
        Each is called as ``callback(epoch, net)`` after every epoch, with the :class:`rv.training.Epoch` that has just ended;
        True ends the training. ``epoch.numbers()`` gives all numbers by name.
    early_stopping
        Stop after this many epochs without a better validation score.
    checkpoint
        Folder that holds, after every epoch, all that the next one depends on. The same call goes on from there: a
        training that was killed ends with the same numbers, to the last bit, as one that was not.
    seed
        Decides the order of samples and all random numbers drawn while training. Those of a ``DataLoader`` follow it
        too, unless it has a generator of its own.
    progress
        Show a progress bar and the forecast of memory.
    restore_best
        End with the parameters of the best epoch on the validation set (the first metric, then the loss) instead of the
        last. The name of a metric, or ``"loss"``, lets that one choose the best epoch, here and for ``early_stopping``.

    Raises
    ------
    TrainingError
        Where an argument cannot be used, the checkpoint is of another training, or the loss or gradient is not finite;
        the message says where this happened first, and what to do.

    Warns
    -----
    RanvierWarning
        Once for each population that is silent or saturated, and each gradient that explodes, with the remedy.

    Examples
    --------
    >>> fit = rv.train(net, data, valid, epochs=20, lr=2e-3, early_stopping=5)
    >>> epochs = fit.table()
    """
    check_arguments(net, epochs, batch_size, clip, early_stopping, valid_set)
    check_list("callbacks", callbacks)
    check_callbacks(callbacks)
    check_accumulate(accumulate)
    rule = choose_rule(rule)
    check_regularizers(regularizers, rule, net)
    check_limit(batches_per_epoch)
    batches = open_batches(train_set, batch_size, seed, "train_set", batches_per_epoch)
    with torch.random.fork_rng(devices=[]):
        x, target, lengths = batches.first()
    check_input(net, x, "train_set", fits_batches(train_set, "train_set"))
    loss = choose_loss(net, loss, target, steps_of(x))
    scoring = choose_metrics(metric, loss, restore_best)
    checks = None if valid_set is None else open_batches(valid_set, batch_size, None, "valid_set")
    if checks is not None and (hint := fits_batches(valid_set, "valid_set")):
        check_input(net, checks.first()[0], "valid_set", hint)
    check_rewinds(batches, checks, epochs, checkpoint)
    optimizers = make_optimizers(optimizer, net, lr)
    scales = choose_scales(net, scale, ready=optimizers.ready)
    mixed = choose_precision(precision, net, rule)
    rates, mean = choose_schedule(schedule), choose_average(average)
    learnt = optimizers.held(net)
    course = Course(net, optimizers, scales, batches, None if mean is None else Averages(mean, learnt), mixed=mixed)
    stored = None
    if checkpoint is not None:
        told = {
            "loss": loss, "metric": scoring, "scale": scale, "rule": rule, "regularizers": list(regularizers),
            "schedule": schedule, "average": mean,
        }  # fmt: skip
        settings = {
            "network": fingerprint(net, learnt=False), "seed": seed, "batch_size": batch_size, "clip": clip,
            "accumulate": accumulate, "batches_per_epoch": batches_per_epoch, **plain(told),
            "optimizer": optimizer_settings(optimizers), "restore_best": restore_best,
            "epochs_of_schedule": epochs if schedule == "cosine" else None, "train_set": fingerprint_of_data(train_set),
            "valid_set": None if checks is None else fingerprint_of_data(valid_set),
            **({} if mixed.half is None else {"precision": precision}),
        }  # fmt: skip
        stored = Checkpoint(checkpoint, settings)
        stored.read(course)
    history = course.history
    if len(history) > epochs:
        done = f"the checkpoint in {checkpoint} has {len(history)} epochs already"
        raise TrainingError(f"epochs={epochs}, but {done}: ask for more, or choose another folder.")
    course.judge(epochs, early_stopping)
    with torch.random.fork_rng(devices=[]), mixed.context(net.device):
        check_lengths(loss, lengths)
        check_regularizers(regularizers, rule, net, lengths)
        course.plan = {**plan_of(net, x, rule.arguments()).to_dict(), "scales": dict(scales.factors)}
        memory = f"a batch keeps about {spell(forecast(net, x, rule))} for its gradient" if progress else ""
    training, kept = net.training, len(history)
    with optimizers.same_settings(), Display(epochs, batches.count, len(history), progress) as display:
        running = rates.start(optimizers.parts, epochs)
        running.resume(history, course.updates)
        averages, done = course.averages, course.updates
        updates = Updates(learnt, optimizers, scales, running, Health(net), clip, accumulate, averages, mixed, done)
        loop = Loop(net, rule, loss, updates, seed, tuple(regularizers), scoring.metrics)
        display.say(memory)
        if scales.factors:
            display.say(f"steps are scaled to the size of parameters: {scales}")
        if metric is None and not scoring.metrics:
            display.say("the loss chooses the best epoch; metric=… scores something else (rv.train)")
        try:
            while len(history) < epochs and not course.stopped:
                number, began = len(history) + 1, time.perf_counter()
                running.before_epoch(number - 1)
                score, norm, spikes = loop.learn(batches, number, display.batch)
                course.updates = updates.done
                now = tuple(float(group["lr"]) for group in optimizers.groups)
                with course.scored():
                    valid = None if checks is None else loop.validate(checks, number)
                    spent = time.perf_counter() - began
                    chosen = (scoring.chosen, scoring.larger)
                    history.append(Epoch(number, score, valid, now[0], norm, spikes, spent, *chosen, now))
                    if valid is not None and restore_best:
                        course.keep_best()
                running.after_epoch(history[-1])
                wishes = [call(callback, history[-1], net) for callback in callbacks]
                course.judge(epochs, early_stopping, any(wishes))
                if stored:
                    stored.write(course)
                    kept = number
                display.epoch(history[-1])
        except KeyboardInterrupt as interruption:
            if stored:
                interruption.add_note(f"{checkpoint} stands after epoch {kept}: the same call goes on from there.")
            raise
        finally:
            net.train(training)
    return course.end()
