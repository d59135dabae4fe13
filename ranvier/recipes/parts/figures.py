"""The figures of the report, each an SVG."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ranvier import plot
from ranvier.recipes.parts.coba import V_TH, CircuitResult
from ranvier.recipes.parts.digits import DigitsResult, Example
from ranvier.recipes.parts.svg import svg

__all__ = [
    "confusion",
    "example",
    "layer_rates",
    "learning",
    "membranes",
    "population_rates",
    "raster",
    "receptive_fields",
]

_GREY = "#8a8f94"


def learning(digits: DigitsResult) -> str:
    """Accuracy on training and validation images over epochs, all seeds."""
    runs = [seed.fit.history for seed in digits.seeds]
    curves = {
        "train": [[100 * (epoch.train.accuracy or 0.0) for epoch in history] for history in runs],
        "validation": [[100 * (epoch.valid.accuracy or 0.0) if epoch.valid else np.nan for epoch in h] for h in runs],
    }

    def draw(figure: Figure) -> None:
        ax = figure.add_subplot()
        best = [seed.fit.best_epoch for seed in digits.seeds]
        plot.learning_curve(curves, best=best, label="accuracy (%)", ax=ax)
        settled = [np.asarray(values)[:, len(runs[0]) // 15 :] for values in curves.values()]
        ax.set_ylim(min(float(np.nanmin(values)) for values in settled) - 1, 100.3)

    return svg(draw, 4.3, 4.2, "learning", "Accuracy on training and validation images over epochs")


def confusion(digits: DigitsResult) -> str:
    """Test images of all seeds: true against predicted class."""
    target = np.concatenate([seed.target for seed in digits.seeds])
    predicted = np.concatenate([seed.predicted for seed in digits.seeds])

    def draw(figure: Figure) -> None:
        plot.confusion_matrix(target, predicted, classes=[str(k) for k in range(10)], ax=figure.add_subplot())

    return svg(draw, 4.3, 4.2, "confusion", "Confusion matrix of the test images")


def layer_rates(digits: DigitsResult) -> str:
    """Firing rates of input and hidden cells over the test images of the first seed."""

    def draw(figure: Figure) -> None:
        plot.rates(digits.seeds[0].rates, ax=figure.add_subplot())

    return svg(draw, 4.6, 1.9, "layer-rates", "Firing rate of each layer")


def receptive_fields(digits: DigitsResult, cells: int = 72) -> str:
    """Weights from the pixels to the first hidden cells."""

    def draw(figure: Figure) -> None:
        weight = digits.seeds[0].weight[:cells]
        plot.weights(weight, shape=(8, 8), columns=min(18, len(weight)), ax=figure.add_subplot())

    return svg(draw, 9.0, 2.1, "fields", "Receptive fields of hidden cells")


def example(shown: Example, dt: float = 1.0) -> str:
    """One test image: its pixels, spikes of input and hidden cells, and the read-out membranes."""

    def draw(figure: Figure) -> None:
        grid = figure.add_gridspec(3, 2, width_ratios=(1, 3.1), height_ratios=(2, 3.2, 2.6))
        image = figure.add_subplot(grid[:, 0])
        image.imshow(shown.pixels, cmap="Greys", vmin=0, vmax=16)
        image.set_xticks([])
        image.set_yticks([])
        image.set_title(f"a test image: {shown.target}", fontsize="medium")
        first = figure.add_subplot(grid[0, 1])
        plot.raster(shown.input, dt=dt, size=5, ax=first).set_ylabel("pixel")
        second = figure.add_subplot(grid[1, 1], sharex=first)
        plot.raster(shown.hidden, dt=dt, size=2, ax=second).set_ylabel("hidden cell")
        third = figure.add_subplot(grid[2, 1], sharex=first)
        times = np.arange(1, len(shown.readout) + 1) * dt
        third.plot(times, np.delete(shown.readout, shown.target, axis=1), color=_GREY, linewidth=0.8)
        plot.traces(shown.readout, times, cells=(shown.target,), label="read-out v", ax=third)
        third.lines[-1].set_linewidth(2.2)
        third.set_xlim(0, times[-1] + 0.5)
        for ax in (first, second):
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)

    return svg(draw, 9.0, 4.6, "example", f"The way of one image, a {shown.target}, through the network")


def raster(circuit: CircuitResult) -> str:
    """Spikes of 100 cells after the timed run."""
    trains = {name: circuit.close[name].spikes for name in ("exc", "inh")}

    def draw(figure: Figure) -> None:
        plot.raster(trains, cells={"exc": 80, "inh": 20}, size=5, ax=figure.add_subplot())

    return svg(draw, 9.0, 3.8, "raster", "Spike raster of 80 excitatory and 20 inhibitory cells")


def membranes(circuit: CircuitResult) -> str:
    """Membranes of three cells, of which 10, 25 and 40 % of the others fire more, one below the other."""
    record = circuit.close["exc"]
    counts = np.bincount(record.spikes.cell, minlength=record.spikes.size)
    order = np.argsort(counts, kind="stable")
    window = (record.spikes.first * record.spikes.dt, float(record.times[-1]))
    cells = [int(order[int(share * (len(order) - 1))]) for share in (0.9, 0.75, 0.6)]

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(cells), 1, sharex=True, sharey=True)
        for k, (ax, cell) in enumerate(zip(axes, cells, strict=True)):
            plot.traces(
                record.v,
                record.times,
                cells=(cell,),
                spikes=record.spikes,
                window=window,
                peak=-30,
                threshold=V_TH,
                ax=ax,
            )
            if k < len(cells) - 1:
                ax.set_xlabel("")
            ax.set_title(f"cell {cell}, {counts[cell]} spikes", loc="right", fontsize="small", pad=2)

    return svg(draw, 9.0, 4.4, "membranes", "Membrane voltage of three excitatory cells")


def population_rates(circuit: CircuitResult) -> str:
    """Distribution of the firing rates over the cells of each population."""

    def draw(figure: Figure) -> None:
        trains = {"excitatory": circuit.run["exc"].spikes, "inhibitory": circuit.run["inh"].spikes}
        plot.rates(trains, ax=figure.add_subplot())

    return svg(draw, 4.6, 1.9, "population-rates", "Firing rates of excitatory and inhibitory cells")
