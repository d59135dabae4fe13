"""The page's second half: protocol, equations, plans, and how to do it again."""

from __future__ import annotations

from collections.abc import Mapping

from ranvier.network import Plan
from ranvier.recipes.parts.coba import EQUATIONS, CircuitResult
from ranvier.recipes.parts.digits import DigitsResult
from ranvier.recipes.parts.html import code, paragraph, section, table
from ranvier.recipes.parts.split import split

__all__ = ["how", "reproduce"]


def how(digits: DigitsResult, circuit: CircuitResult) -> str:
    """How both parts were computed, with the plan of each."""
    return section("How it was computed", _protocol(digits), _training(digits), _simulation(circuit))


def reproduce(digits: DigitsResult, device: str, versions: Mapping[str, str]) -> str:
    """The command, the versions, and what depends on the machine."""
    seeds = ", ".join(str(s.seed) for s in digits.seeds)
    return section(
        "How to reproduce it",
        code(
            "make demo          # in a checkout; sets up its own environment\nranvier demo       # where the package is installed"
        ),
        paragraph("Options: ranvier demo --help. No network is needed: the digits come with scikit-learn."),
        table(("package", "version"), versions.items(), kind="plain"),
        paragraph(f"Computed on: {device}. Seeds of the digits: {seeds}; of the circuit: 1."),
        paragraph(
            "With the same versions on the same machine every figure but the times comes out again. Another processor or "
            "matrix library may round differently, and accuracies may move by an image or two.",
            "soft",
        ),
    )


def _protocol(digits: DigitsResult) -> str:
    parts = split(digits.data.target, digits.seeds[0].seed)
    return section(
        "Splits and scores",
        paragraph(
            f"For every seed the {len(digits.data.target):,} images are split anew, 60/20/20 with the ten classes in equal shares: "
            f"{len(parts.train):,} to train, {len(parts.valid)} to validate, {len(parts.test)} to test. Settings were chosen on validation "
            "images, of these splits and of others. The epoch "
            "of the highest validation accuracy, and of the lowest loss among equals, is restored; then the test images are "
            "shown, once. The plain classifiers learn from the same training images and "
            f"their {digits.setup.variants} distorted variants: support vectors with radial basis functions, the vote of nearest "
            "neighbours, and logistic regression, with the variants or without. What they are set to (C, the width, the "
            "number of neighbours, the preparation of pixels) is chosen on the same validation images. The spread is the "
            "standard deviation over seeds."
        ),
        paragraph(
            "What this cannot show. The settings of the network were chosen on validation images of these splits and of others, which "
            "are test images of some split: the test accuracy is a little too good. Images of one writer stand on both sides of "
            "every split, so unseen handwriting is not measured. Small differences between the first three rows mean "
            "nothing: one image is 0.3 percentage points."
        ),
        level=3,
    )


def _training(digits: DigitsResult) -> str:
    s = digits.setup
    return section(
        "The network",
        paragraph(
            f"A pixel of ink p, from 1 to 16, fires once, in step round((1 - p/16)·{s.steps - 1}) of {s.steps} steps of 1 ms; paper stays "
            f"silent. {s.hidden} leaky integrate-and-fire cells (time constant {s.tau:g} ms) pass their spikes to ten membranes (20 ms) "
            "that never fire; the class is the one with the highest mean."
        ),
        code(
            f"rv.Sequential(\n    rv.Linear(64, {s.hidden}), rv.LIF({s.hidden}, tau={s.tau:g}*ms),\n"
            f"    rv.Linear({s.hidden}, 10), rv.LeakyReadout(10, tau=20*ms),\n    dt=1*ms,\n)"
        ),
        paragraph(
            f"Training images are turned by up to 10 degrees, moved by up to 0.6 pixels and stretched by up to exp(0.1), in "
            f"{s.variants} variants of each besides the image itself; validation and test images are left as they are."
        ),
        paragraph(
            f"Trained by backpropagation through time with a surrogate derivative, 1/(1 + (πu)²), at the threshold: cross-entropy of "
            f"the mean membranes times {s.scale:g}, AdamW (weight decay {s.decay:g}), learning rate {s.lr:g} falling along a cosine to 0, batches of {s.batch_size}, "
            f"{s.epochs} epochs."
        ),
        paragraph("The plan, that is, which kernel ran each part in training, and why:"),
        _plan(digits.seeds[0].plan),
        level=3,
    )


def _simulation(circuit: CircuitResult) -> str:
    return section(
        "The circuit",
        code(EQUATIONS),
        paragraph(
            "A cell fires where v > -50 mV, then v = -60 mV for 5 ms. E_L = -60 mV, E_e = 0 mV, E_i = -80 mV; time constants 20, 5 and "
            "10 ms. Every cell gets about 80 synapses, drawn at random from all cells; an excitatory spike adds 0.6 to g_e, an "
            "inhibitory one 6.7 to g_i, one step of 0.1 ms later. Benchmark 1 of Brette et al., Journal of Computational "
            "Neuroscience 2007, with initial values drawn so that activity sustains itself from the start."
        ),
        paragraph("The plan:"),
        _plan(circuit.run.plan),
        level=3,
    )


def _plan(plan: Plan) -> str:
    rows = [(choice.part, choice.task, choice.provider, choice.why) for choice in plan.choices]
    notes = (paragraph(f"{text[:1].upper()}{text[1:]}.", "soft") for text in plan.remarks)
    return "\n".join([table(("part", "task", "provider", "why"), rows, kind="plain"), *notes])
