"""A spiking encoder that learns to predict the next digit of a count, from sequences without labels."""

from dataclasses import dataclass

import ranvier as rv
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.counting import network, sequences, told_apart

LEARNT, SHUFFLED, RANDOM = "contrastive", "sequences without order", "untrained"


@dataclass(frozen=True)
class Settings:
    """Sequences of four digits; each digit is shown for four steps."""

    sequences: int = 2_000
    """To train on, drawn from the training images."""
    epochs: int = 20


def measure(case: Case) -> dict[str, float]:
    """How well counts are told from sequences with another last digit, on images that were not learnt from."""
    s, seed, loss = case.settings, case.seed, rv.losses.Contrastive(every=4, temperature=0.5)
    net = network(seed)
    if case.arm != RANDOM:
        learn, valid = (sequences(seed, k, n, case.arm == LEARNT) for k, n in ((0, s.sequences), (1, 300)))
        rv.train(
            net,
            (learn, None),
            (valid, None),
            epochs=s.epochs,
            batch_size=64,
            lr=3e-3,
            loss=loss,
            schedule="cosine",
            seed=seed,
            progress=False,
        )
    return {"told apart": told_apart(net, loss, seed)}


recipe = Recipe(
    name="predictive_coding", title="Counting without labels", papers=["S012"], citation="van den Oord, Li & Vinyals 2018 (CPC); Bilgic & Sengor 2022 (with a spiking encoder)",
    claim="A spiking encoder trained by contrastive predictive coding tells digits in sequence from digits out of sequence.",
    data="Real: the 1,797 digits that scikit-learn ships, split 60/20/20 by each seed; sequences of four are drawn within each part. Labels serve only to find images that count up.",
    scale="64 + 64 spiking cells on 8 x 8 pixels; the paper has a convolutional encoder on MNIST.",
    chosen="The settings are the first that were tried; the epoch is chosen by the loss on validation sequences.",
    methods={LEARNT: "InfoNCE over batches of 64 sequences that count up"}, controls={SHUFFLED: "the same on sequences of random digits", RANDOM: "no training"},
    measures={"told apart": "%"}, seeds=tuple(range(5)), settings=Settings(), quick={"sequences": 128, "epochs": 1, "seeds": (0,)}, minutes=4, measure=measure,
    notes=["The two sequences of a pair differ only in their last digit; chance is 50 %. One random digit in ten shows the right class. Such pairs are told apart half of the time, so 95 % is the most on average."],
    expected=[
        Expect("above chance", (LEARNT, "told apart"), ">", 0.5),
        Expect("it learns from the order of the digits", (LEARNT, "told apart"), ">", (SHUFFLED, "told apart")),
        Expect("it beats an untrained encoder", (LEARNT, "told apart"), ">", (RANDOM, "told apart")),
    ],
)  # fmt: skip
run = recipe.run
