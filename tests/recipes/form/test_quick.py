"""The quick setting of every recipe: it measures, judges and writes its pages within seconds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import ranvier as rv
from ranvier.cli import main
from ranvier.recipes.form import Outcome
from ranvier.recipes.form.catalogue import find

#: data sets that recipes need
DATA = {
    "audio_attacks": "fsdd",
    "braille": "braille_touch",
    "celegans": "connectomes",
    "cutoff": "nmnist_small",
    "dynamic_confidence": "mnist_t10k",
    "event_digits": "nmnist_small",
    "fashion_mnist": "fashion_mnist",
    "lateral_inhibition": "mnist_t10k",
    "learned_encoder": "emg_gestures",
    "lif_memory": "har_phone_watch",
    "lmuformer": "speech_commands",
    "masked_pretraining": "mnist_t10k",
    "membrane_losses": "mnist_t10k",
    "membrane_norm": "mnist_t10k",
    "pretraining": "mnist_t10k",
    "rectified_membrane": "mnist_t10k",
    "relevance_guided": "nmnist_small",
    "salient_steps": "mnist_t10k",
    "spacetime_attention": "nmnist_small",
    "spike_driven": "fashion_mnist",
    "spoken_digits": "fsdd",
    "static_to_events": "mnist_t10k",
    "steady_training": "mnist_t10k",
}
#: recipes whose quick run takes a moment; all others train networks for some seconds, in slow tests
FAST = {
    "brunel",
    "celegans",
    "coba_cuba",
    "delay_patterns",
    "learn_pattern",
    "microcircuit",
    "noisy_spike_times",
    "polychrony",
    "recover_weights",
    "reservoir",
    "ring_attractor",
    "song2000",
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in rv.recipes.names]
)
def test_a_quick_run_leaves_pages(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], data_folder: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if name in DATA:
        monkeypatch.setenv("RANVIER_DATA", str(data_folder(DATA[name]).parent))
    assert main(["recipes", "run", name, "--quick", "--out", str(tmp_path)]) == 0
    outcome = Outcome.read(find(name), tmp_path / f"{name}.json")
    assert outcome.state == "not decided at this scale"
    assert {t.arm for t in outcome.trials} == set(outcome.recipe.arms)
    assert not outcome.failures
    for expected in outcome.judged:
        assert expected.units
    page = (tmp_path / f"{name}.html").read_text(encoding="utf-8")
    assert f"ranvier recipes run {name} --quick" in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert "nan" not in re.findall(r"[a-z]+", re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL).lower())
    shown = capsys.readouterr().out
    assert "Together: not decided at this scale." in shown
    assert f"{name}.html" in shown.replace("\n", "")
