"""One framework trains a network on digits and simulates a circuit: the claim behind ``ranvier demo``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.form.source import Stamp, stamp
from ranvier.recipes.parts import coba, digits

__all__ = ["Settings", "recipe", "run"]

NETWORK, CIRCUIT = "spiking network", "COBA circuit"
MACHINE, NEAR, PLAIN = "support vectors", "nearest neighbours", "logistic regression"


@dataclass(frozen=True)
class Settings:
    """Of training and simulation."""

    epochs: int = digits.Setup.epochs
    """Passes over the training set."""
    variants: int = digits.Setup.variants
    """Distorted variants of each training image."""
    seconds: float = 2.0
    """Biological time of the circuit."""


def measure(case: Case) -> Mapping[str, float]:
    """Test accuracy of one classifier, or rate and irregularity of the circuit."""
    if case.arm == CIRCUIT:
        found = coba.simulate(case.settings.seconds, seed=case.seed + 1)
        case.planned(found.run.plan)
        return {"rate": found.rate, "CV": found.cv}
    done = _trained(case.data, stamp(case.data), case.settings.epochs, case.settings.variants, case.seed)
    scores = {NETWORK: done.test, MACHINE: done.machine.test, NEAR: done.neighbours.test, PLAIN: done.baseline.test}
    return {"accuracy": scores[case.arm]}


@lru_cache(maxsize=1)
def _trained(data: Path | None, version: Stamp, epochs: int, variants: int, seed: int) -> digits.SeedResult:
    setup = replace(digits.Setup(), epochs=epochs, variants=variants)
    own = digits.load()
    return digits.run_seed(own, setup, seed, further=None if data is None else digits.read(data / "digits.csv", own))


recipe = Recipe(
    name="digits_and_circuit",
    title="One framework for digits and for a circuit",
    papers=["S001"],
    citation="digits: Alpaydin & Kaynak, UCI Machine Learning Repository 1998; circuit: Brette et al., Journal of Computational Neuroscience 2007, benchmark 1",
    claim="One description of cells and connections serves spiking deep learning, which trains by gradients, and brain simulation, which advances large circuits in time.",
    data="Real: the 1,797 digits that scikit-learn ships, split 60/20/20 by each seed, not by writer, so that unseen handwriting is not measured. The circuit is drawn.",
    scale="512 hidden cells and 12 steps; 4,000 cells and 320,000 synapses.",
    chosen="Settings were chosen on validation images of these splits and of others, which are test images of some split; the accuracy of the network is a little too good.",
    methods={
        NETWORK: "each pixel is one spike, the darker the earlier; 512 cells, ten membranes",
        CIRCUIT: "4,000 cells without input",
    },
    baselines={
        MACHINE: "radial basis functions, with the same distorted variants; C and width chosen on the same validation images",
        NEAR: "the vote of 1, 3 or 5, with the same distorted variants; how many was chosen on the same validation images",
        PLAIN: "with the same distorted variants or without; that, preparation and strength were chosen on the same validation images",
    },
    measures={"accuracy": "%", "rate": "Hz", "CV": ""},
    seeds=(0, 1, 2, 3, 4),
    settings=Settings(),
    quick={"epochs": 1, "variants": 1, "seconds": 0.1, "seeds": (0,)},
    expected=[
        Expect("the network beats logistic regression", (NETWORK, "accuracy"), ">", (PLAIN, "accuracy")),
        Expect("the circuit goes on without input", (CIRCUIT, "rate"), ">", 1),
        Expect("and is irregular", (CIRCUIT, "CV"), ">", 0.7),
        Expect("the network classifies 98 % of test images", (NETWORK, "accuracy"), ">", 0.98, decides=False),
        Expect("the network beats support vectors", (NETWORK, "accuracy"), ">", (MACHINE, "accuracy"), decides=False),
    ],
    minutes=2,
    measure=measure,
    equations=coba.EQUATIONS,
    takes="digits.csv (64 whole numbers from 0 to 16 and the class, a line for each image, as the UCI files have them), which is tested instead of a fifth of the images",
    notes=[
        "Each seed divides the same images anew, so that intervals speak of divisions of these 1,797 images.",
        "`ranvier demo` computes the same with pictures.",
    ],
)
run = recipe.run
