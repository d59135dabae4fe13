"""Spiking RWKV on characters: how well it predicts, and how many additions a character costs."""

from dataclasses import dataclass

from ranvier.encoding import tokens
from ranvier.network import Network
from ranvier.recipes.form import Case, Expect, Recipe
from ranvier.recipes.parts.characters import bits, counted, fitted, text, windows
from ranvier.recipes.parts.language_models import gated, operations, recurrent, rwkv

SPIKES, PLAIN, RECURRENT, GATED = "spiking RWKV", "RWKV without spikes", "recurrent spiking network", "GRU"
COUNTS, PAIRS = "counts of five characters", "counts of pairs"


@dataclass(frozen=True)
class Settings:
    """Of training: batches of 32 windows of 64 characters."""

    batches: int = 71
    """71 are half a pass over the text."""


def measure(case: Case) -> dict[str, float]:
    """Bits a character of unseen documents, and operations a character."""
    data, size = text(), len(text().alphabet)
    if case.arm in (COUNTS, PAIRS):
        return {"bits": counted(data.train, data.test, size, 5 if case.arm == COUNTS else 2)}
    make = {SPIKES: lambda: rwkv(size, case.seed, True), PLAIN: lambda: rwkv(size, case.seed, False),
            RECURRENT: lambda: recurrent(size, case.seed), GATED: lambda: gated(size, case.seed)}  # fmt: skip
    net = fitted(make[case.arm](), data.train, size, batches=case.settings.batches, lr=1e-2, seed=case.seed)
    found = {"bits": bits(net, data.test, size)}
    if isinstance(net, Network):
        found["operations"] = operations(net, tokens(windows(data.test, 64)[:-1, :64], size))
    return found


recipe = Recipe(
    name="spiking_language", title="Text in spikes", papers=["S027"], citation="Zhu, Zhao, Li & Eshraghian, TMLR 2024 (SpikeGPT)",
    claim="RWKV with binary spikes models text nearly as well as without them, with 20 times fewer operations.",
    data="Real: the reference topics that ship with Python (pydoc_data.topics, PSF licence; here of Python 3.11), 354,000 characters after white space became single spaces. Documents that share a line of over 30 characters are on the same side of the split 80/10/10.",
    scale="Two blocks of 64 channels, 88,000 parameters, 146,000 characters to learn from; the paper has 45 and 216 million parameters and billions of tokens.",
    chosen="Learning rate, time constant of cells and the order of the counts were chosen on the validation documents. All networks have the same optimiser, schedule and batches.",
    methods={SPIKES: "rv.blocks.rwkv with leaky cells"}, baselines={PLAIN: "the same matrices, layer norms", RECURRENT: "220 leaky cells with time constants of their own, equal parameters", GATED: "120 units, equal parameters", COUNTS: "Witten-Bell mixture of counts"},
    controls={PAIRS: "knows only the last character"},
    measures={"bits": "bits a character", "operations": "a character"}, seeds=(0, 1, 2), settings=Settings(), quick={"batches": 2, "seeds": (0,)}, minutes=2, measure=measure,
    notes=[
        "Operations are additions of a weight for each spike that arrives (twice behind a token shift, as over a delay of 0 to 1 steps). Without spikes they are multiplications with additions. Cells, biases and norms are not counted.",
        "The paper's released code feeds its matrices layer-normalised sums of spikes. Here every matrix gets spikes.",
        "Counts see the same text; with so little text they are a strong baseline.",
    ],
    expected=[
        Expect("better than counts of pairs", (SPIKES, "bits"), "<", (PAIRS, "bits")),
        Expect("better than a plain recurrent spiking network", (SPIKES, "bits"), "<", (RECURRENT, "bits")),
        Expect("at most a sixth more bits than without spikes", (SPIKES, "bits"), "<", (PLAIN, "bits"), times=7 / 6),
        Expect("less than a twentieth of the operations", (SPIKES, "operations"), "<", (PLAIN, "operations"), times=1 / 20),
        Expect("less than half of the operations", (SPIKES, "operations"), "<", (PLAIN, "operations"), times=1 / 2, decides=False),
        Expect("better than a GRU", (SPIKES, "bits"), "<", (GATED, "bits"), decides=False),
        Expect("better than counts of five characters", (SPIKES, "bits"), "<", (COUNTS, "bits"), decides=False),
    ],
)  # fmt: skip
run = recipe.run
