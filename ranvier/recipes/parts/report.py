"""The page: what was asked, what came out, how it was computed, how to do it again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from ranvier.recipes.parts import figures
from ranvier.recipes.parts.coba import CircuitResult
from ranvier.recipes.parts.digits import DigitsResult
from ranvier.recipes.parts.html import document, figure, join, paragraph, section, table, tiles
from ranvier.recipes.parts.methods import how, reproduce
from ranvier.recipes.parts.statistics import bare, percent
from ranvier.recipes.parts.verdicts import verdicts

__all__ = ["page"]


def page(digits: DigitsResult, circuit: CircuitResult, device: str, versions: Mapping[str, str], seconds: float) -> str:
    """The whole report as one HTML text that needs no network."""
    body = join(
        [_asked(), _answer(digits, circuit, seconds), how(digits, circuit), reproduce(digits, device, versions)]
    )
    lead = (
        f"A network trained on handwritten digits and a simulated circuit, from one framework. {date.today():%d %B %Y}."
    )
    return document("Ranvier: digits and circuit", lead, body)


def _asked() -> str:
    return section(
        "What was asked",
        paragraph(
            "Can one description of cells and connections serve both worlds: spiking deep learning, which trains networks by "
            "gradients, and brain simulation, which advances large circuits in time?"
        ),
        paragraph(
            "A small spiking network learns the handwritten digits that scikit-learn ships. Each pixel is one spike: the "
            "darker, the earlier. It is compared with chance and with logistic regression, which sees the pixels themselves. "
            "Expected: at least 98 % of test images right, and more above logistic regression than seeds differ."
        ),
        paragraph(
            "The COBA circuit, a standard benchmark of simulators, is 4,000 cells that excite and inhibit one another and get "
            "no input at all. Expected: irregular activity that sustains itself, at about 17 to 20 Hz."
        ),
    )


def _answer(digits: DigitsResult, circuit: CircuitResult, seconds: float) -> str:
    gain, run = digits.test - digits.baseline, circuit.run
    over = f"mean of {len(gain)} seeds" if len(gain) > 1 else "one seed"
    headline = tiles(
        [
            (
                percent(float(digits.test.mean())),
                "digits, test accuracy",
                f"{over}; chance {percent(digits.chance, 0)}",
            ),
            (percent(float(digits.machine.mean())), "support vectors (RBF)", "same splits, same distortions"),
            (percent(float(digits.neighbours.mean())), "nearest neighbours", "same splits, same distortions"),
            (percent(float(digits.baseline.mean())), "logistic regression", "same images, same splits"),
            (f"{circuit.rate:.1f} Hz", "circuit, mean firing rate", f"CV of intervals {circuit.cv:.2f}"),
            (
                f"{run.real_time_factor:.3f}",
                "real-time factor",
                f"{run.duration / 1000:g} s in {run.seconds:.2f} s of computing",
            ),
        ]
    )
    found = (paragraph(verdict.text, "yes" if verdict.holds else "no") for verdict in verdicts(digits, circuit))
    return section(
        "What came out", headline, *found, paragraph(f"Training, testing and simulating took {seconds:.0f} s.", "soft"),
        _digits(digits), _circuit(circuit),
    )  # fmt: skip


def _digits(digits: DigitsResult) -> str:
    count = len(digits.seeds)
    wrong = sum(int((s.target != s.predicted).sum()) for s in digits.seeds)
    shown = sum(len(s.target) for s in digits.seeds)
    spikes = {name: float(rates.sum()) * digits.setup.steps / 1000 for name, rates in digits.seeds[0].rates.items()}
    lines = f"Lines are means over {count} seeds, shades span their range" if count > 1 else "One seed"
    pictures = join(
        [
            figure(
                figures.learning(digits),
                f"Learning. {lines}; triangles mark the epochs whose weights were kept, chosen by validation accuracy. "
                "Accuracy in training is counted while the network learns, on distorted images.",
            ),
            figure(
                figures.confusion(digits),
                f"Test images of all seeds: {wrong} of {shown} taken for another digit. Shades are on a square-root scale, so "
                "that rare mistakes show.",
            ),
        ]
    )
    return section(
        "Digits: the network",
        _seeds(digits),
        f'<div class="pair">\n{pictures}\n</div>',
        figure(
            figures.example(digits.seeds[0].example),
            "The way of one test image. Its ink fires the pixels, dark ones first; hidden cells answer; the read-out membrane "
            "of the right class (blue) rises above the nine others (grey).",
        ),
        figure(
            figures.layer_rates(digits),
            f"Firing rate per layer while an image is shown ({digits.setup.steps} ms), seed {digits.seeds[0].seed}: thin lines "
            f"from the 5th to the 95th percentile of cells, thick ones the quartiles, dots the mean. Per image, on average, "
            f"{spikes['input']:.0f} input and {spikes['hidden']:.0f} hidden spikes.",
        ),
        figure(
            figures.receptive_fields(digits),
            "What the first 72 hidden cells look for: weights from the 8 x 8 pixels, red positive, blue negative, each on its "
            "own scale.",
        ),
        level=3,
    )


def _seeds(digits: DigitsResult) -> str:
    gain = digits.test - digits.baseline
    valid = [s.valid for s in digits.seeds]
    rows = [
        (
            f"seed {s.seed}", bare(s.test), bare(s.machine.test), bare(s.neighbours.test), bare(s.baseline.test), f"{100 * difference:+.2f}", bare(s.valid),
            str(s.fit.best_epoch), f"{s.baseline.strength:g}", f"{s.seconds:.1f} s",
        )
        for s, difference in zip(digits.seeds, gain, strict=True)
    ]  # fmt: skip
    foot = (
        "mean ± sd" if len(gain) > 1 else "mean", bare(digits.test), bare(digits.machine), bare(digits.neighbours),
        bare(digits.baseline), f"+{bare(gain)}".replace("+-", "-"),
        bare(valid), "", "", f"{sum(s.seconds for s in digits.seeds):.1f} s",
    )  # fmt: skip
    head = (
        "",
        "test (%)",
        "SVM, test (%)",
        "neighbours, test (%)",
        "logistic, test (%)",
        "difference to logistic",
        "validation (%)",
        "best epoch",
        "logistic C",
        "time",
    )
    return table(head, rows, [foot])


def _circuit(circuit: CircuitResult) -> str:
    run, close = circuit.run, circuit.close
    exc, inh = run["exc"].spikes, run["inh"].spikes
    rows = [
        ("cells", f"{circuit.cells:,}", f"{exc.size:,}", f"{inh.size:,}"),
        ("mean firing rate", f"{circuit.rate:.2f} Hz", f"{exc.rate():.2f} Hz", f"{inh.rate():.2f} Hz"),
        ("CV of intervals", f"{circuit.cv:.2f}", f"{exc.cv():.2f}", f"{inh.cv():.2f}"),
        ("spikes", f"{len(exc) + len(inh):,}", f"{len(exc):,}", f"{len(inh):,}"),
    ]
    return section(
        "COBA: the circuit",
        table(("", "all", "excitatory", "inhibitory"), rows),
        paragraph(
            f"{circuit.synapses:,} synapses. {run.duration / 1000:g} s of biological time in steps of 0.1 ms took {run.seconds:.2f} s: "
            f"a real-time factor of {run.real_time_factor:.3f}, below 1 being faster than life. Drawing the circuit and compiling its "
            f"loop, or loading it from the cache, took {circuit.preparation:.2f} s more."
        ),
        figure(
            figures.raster(circuit),
            f"Spikes of 100 cells in the {close.duration:g} ms after the timed run, which go on from its last state.",
        ),
        figure(
            figures.membranes(circuit),
            "Membrane voltage of three excitatory cells in the same time. Strokes mark spikes, which the model leaves out; the "
            "dashed line is the threshold.",
        ),
        figure(figures.population_rates(circuit), "Firing rates over the cells of each population in the timed run."),
        level=3,
    )
