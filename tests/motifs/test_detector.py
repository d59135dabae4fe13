"""Detectors of motifs: their evidence, training, pruning, and the conventions of scikit-learn."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

import ranvier as rv
from ranvier.errors import MemoryLimitError, RanvierError, ShapeError
from ranvier.limits import within_memory
from ranvier.motifs import MotifDetector, Raster, draw_motifs, match_occurrences, plant_motifs
from ranvier.motifs.layer import SYNAPSES, evidence_layer
from ranvier.motifs.pieces import EvidenceLoss, Pieces
from ranvier.units import ms

MOTIFS = draw_motifs(3, 24, 9, spikes=16, seed=1)
LEARN, TEST = (
    plant_motifs(MOTIFS, n, rate=0.01, occurrence=3e-3, jitter=0.3, deletion=0.1, seed=s)
    for n, s in ((6000, 2), (4000, 3))
)


@pytest.fixture(scope="module")
def detector() -> MotifDetector:
    return MotifDetector(window=9, epochs=3).fit(*LEARN)


def convolved(kernel: np.ndarray, bias: np.ndarray, counts: torch.Tensor) -> torch.Tensor:
    """Evidence [T, M] by its definition, a convolution along time."""
    reversed_kernel = torch.from_numpy(kernel).double().flip(2)
    padded = functional.pad(counts.double().T, (kernel.shape[2] - 1, 0))
    return functional.conv1d(padded[None], reversed_kernel, torch.from_numpy(bias).double())[0].T


class TestEvidence:
    @pytest.mark.parametrize("steps", [1, 5, 4000])
    def test_it_is_a_convolution_in_time(self, detector: MotifDetector, steps: int) -> None:
        shown = TEST[0].between(0, steps)
        wanted = convolved(detector.kernel_, detector.bias_, shown.dense())
        torch.testing.assert_close(detector.decision_function(shown).double(), wanted, rtol=1e-4, atol=1e-3)

    def test_counts_above_one_weigh_as_often(self, detector: MotifDetector) -> None:
        counts = torch.poisson(torch.full((40, 24), 0.5), generator=torch.Generator().manual_seed(0))
        wanted = convolved(detector.kernel_, detector.bias_, counts)
        torch.testing.assert_close(detector.decision_function(counts).double(), wanted, rtol=1e-4, atol=1e-3)

    def test_long_rasters_are_read_in_stretches(self, detector: MotifDetector) -> None:
        cells = 24
        steps = (1 << 21) // cells + 500  # two stretches
        raster, truth = plant_motifs(MOTIFS, steps, rate=0.002, occurrence=1e-3, seed=9)
        around = (1 << 21) // cells - 200, (1 << 21) // cells + 200
        whole, alone = detector.predict(raster), detector.predict(raster.between(*around))
        inner = (whole.times >= around[0] + 20) & (whole.times < around[1] - 20)
        own = (alone.times >= 20) & (alone.times < 380)
        assert whole.times[inner].tolist() == (alone.times[own] + around[0]).tolist()
        assert match_occurrences(whole, truth, tolerance=1).f1 > 0.9

    def test_gradients_are_those_of_logistic_regression(self) -> None:
        """One step of plain gradient descent from zero: the gradient of the mean cross-entropy is known."""
        steps, cells, window = 64, 4, 5
        raster, truth = plant_motifs(draw_motifs(2, cells, window, spikes=4), steps, rate=0.2, occurrence=0.1, seed=0)
        kernel, bias = np.zeros((2, cells, window)), np.array([-1.0, 0.5])
        net = evidence_layer(kernel, bias, np.ones(kernel.shape, bool)).double()
        x, y = Pieces(raster, truth, window, steps)[0]
        EvidenceLoss(window)(net(x.unsqueeze(1).double())[0], y.unsqueeze(0).double()).backward()
        error = (torch.sigmoid(torch.tensor(bias)) - y.double()) / steps
        padded = functional.pad(raster.dense().double().T, (window - 1, 0))
        wanted = torch.stack([error.T @ padded[:, window - 1 - d : window - 1 - d + steps].T for d in range(window)], 2)
        found = net[SYNAPSES].weight.grad.reshape(cells, 2, window).transpose(0, 1)
        torch.testing.assert_close(found, wanted)


class TestDetection:
    def test_planted_motifs_are_found(self, detector: MotifDetector) -> None:
        assert detector.score(*TEST) > 0.95

    def test_counts_alone_find_them_too(self) -> None:
        assert MotifDetector(window=9, epochs=0).fit(*LEARN).score(*TEST) > 0.9

    def test_delays_are_recovered(self) -> None:
        raster, truth = plant_motifs(MOTIFS, 6000, rate=0.01, occurrence=3e-3, seed=2)
        detector = MotifDetector(window=9, epochs=0).fit(raster, truth)
        flat, wanted = detector.kernel_.reshape(3, -1), MOTIFS.kernel().reshape(3, -1)
        assert all(wanted[m][np.argsort(-flat[m])[:16]].all() for m in range(3))
        single = [
            (m, n, d)
            for m, n, d in zip(MOTIFS.motif, MOTIFS.cell, MOTIFS.delay, strict=True)
            if MOTIFS.kernel()[m, n].sum() == 1
        ]
        assert single
        assert all(detector.delays_[m, n] == d for m, n, d in single)

    def test_known_motifs_as_weights(self) -> None:
        known = MotifDetector(window=9).set_kernel(MOTIFS.kernel())
        assert known.threshold_ == 0
        assert known.calibrate(*LEARN).score(*TEST) > 0.95
        for kernel, bias, text in (
            (np.ones((3, 24, 8)), None, "window=9"),
            (np.ones((3, 24, 9)), np.zeros(2), "bias"),
            (np.zeros((3, 24, 9)), None, "some weight not 0"),
            (np.full((3, 24, 9), np.nan), None, "must be finite"),
        ):
            with pytest.raises(RanvierError, match=text):
                MotifDetector(window=9).set_kernel(kernel, bias)

    def test_shifted_occurrences_teach_nothing(self) -> None:
        spikes, truth = LEARN
        elsewhere = Raster((truth.times + 997) % 6000, truth.rows, truth.shape)
        assert MotifDetector(window=9, epochs=1).fit(spikes, elsewhere).score(*TEST) < 0.3

    def test_without_a_held_out_part(self) -> None:
        assert MotifDetector(window=9, epochs=1, held_out=0.0).fit(*LEARN).score(*TEST) > 0.9

    def test_dense_counts_do_as_well(self, detector: MotifDetector) -> None:
        again = MotifDetector(window=9, epochs=3).fit(LEARN[0].dense(), LEARN[1].dense().numpy())
        assert np.array_equal(again.kernel_, detector.kernel_)


class TestPruning:
    def test_the_largest_weights_stay(self, detector: MotifDetector) -> None:
        pruned = copy.deepcopy(detector).prune(0.5)
        assert pruned.synapses_ == round(0.5 * detector.synapses_)
        left = pruned.kernel_ != 0
        assert np.array_equal(pruned.kernel_[left], detector.kernel_[left])
        assert np.abs(detector.kernel_[left]).min() >= np.abs(detector.kernel_[~left]).max()
        wanted = convolved(pruned.kernel_, pruned.bias_, TEST[0].dense())
        torch.testing.assert_close(pruned.decision_function(TEST[0]).double(), wanted, rtol=1e-4, atol=1e-3)

    def test_a_tenth_of_all_synapses_is_enough(self) -> None:
        every = MotifDetector(window=9, epochs=0, significance=0).fit(*LEARN)
        assert every.synapses_ == 3 * 24 * 9
        assert every.prune(0.9).calibrate(*LEARN).score(*TEST) > 0.93

    def test_shares_multiply(self, detector: MotifDetector) -> None:
        twice = copy.deepcopy(detector).prune(0.5).prune(0.5)
        assert np.array_equal(twice.kernel_, copy.deepcopy(detector).prune(0.75).kernel_)


class TestNetwork:
    def test_it_spikes_where_the_evidence_reaches_the_threshold(self, detector: MotifDetector, tmp_path: Path) -> None:
        net = copy.deepcopy(detector).prune(0.5).to_network(dt=2 * ms)
        pruned = copy.deepcopy(detector).prune(0.5)
        spikes, _ = net(TEST[0].dense().unsqueeze(1))
        evidence = pruned.decision_function(TEST[0])[:-1]
        sure = (evidence - pruned.threshold_).abs() > 1e-3
        assert torch.equal(spikes[1:, 0].bool()[sure], (evidence >= pruned.threshold_)[sure])
        rv.save(net, tmp_path / "detector")
        again, _ = rv.load(tmp_path / "detector")(TEST[0].dense().unsqueeze(1))
        assert torch.equal(spikes, again)

    @pytest.mark.parametrize("batch", [1, 7])
    def test_reference_and_compiled_code_agree(self, detector: MotifDetector, batch: int) -> None:
        net = detector.to_network()
        x = (torch.rand(60, batch, 24, generator=torch.Generator().manual_seed(0)) < 0.05).float()
        fast, _ = net(x)
        net.provider = "reference"
        assert torch.equal(fast, net(x)[0])


class TestConventions:
    def test_parameters(self) -> None:
        detector = MotifDetector(window=5, penalty=2.0)
        assert detector.get_params()["penalty"] == 2.0
        assert detector.set_params(window=7).window == 7
        assert "window=7" in repr(detector)
        assert MotifDetector(**detector.get_params()).get_params() == detector.get_params()

    def test_scikit_learn_clones_searches_and_pipes(self) -> None:
        pytest.importorskip("sklearn")
        from sklearn.base import clone
        from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer

        assert clone(MotifDetector(window=4)).window == 4
        x, y = LEARN[0].dense().numpy(), LEARN[1].dense().numpy()
        pipe = make_pipeline(FunctionTransformer(), MotifDetector(window=9, epochs=0))
        assert pipe.fit(x, y).score(x, y) > 0.9
        search = GridSearchCV(MotifDetector(epochs=0), {"window": [1, 9]}, cv=TimeSeriesSplit(2)).fit(x, y)
        assert search.best_params_ == {"window": 9}

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"window": 0}, "window=0"),
            ({"window": 2.5}, "window=2.5"),
            ({"epochs": -1}, "epochs=-1"),
            ({"batch_size": 0}, "batch_size=0"),
            ({"tolerance": -1}, "tolerance=-1"),
            ({"penalty": -1.0}, "penalty=-1.0"),
            ({"lr": 0}, "lr=0"),
            ({"significance": -3}, "significance=-3"),
            ({"significance": 1e6}, "from chance: give a longer raster"),
            ({"held_out": 1.0}, "held_out=1.0"),
            ({"window": 5000}, "fewer than window=5000"),
        ],
    )
    def test_parameters_out_of_range(self, change: dict, text: str) -> None:
        with pytest.raises(RanvierError, match=text):
            MotifDetector(**{"window": 9, "epochs": 0, **change}).fit(*LEARN)

    def test_other_mistakes(self, detector: MotifDetector) -> None:
        spikes, truth = LEARN
        with pytest.raises(RanvierError, match="not fitted, so it cannot look at a raster: call fit first"):
            MotifDetector().predict(spikes)
        with pytest.raises(RanvierError, match="not fitted, so it cannot prune"):
            MotifDetector().prune(0.5)
        with pytest.raises(RanvierError, match=r"no parameter 'windows'\. Did you mean 'window'"):
            MotifDetector().set_params(windows=3)
        with pytest.raises(ShapeError, match="differ in steps"):
            MotifDetector(window=9).fit(spikes, truth.between(0, 100))
        with pytest.raises(ShapeError, match="has 5 cells; the detector was fitted to 24"):
            detector.predict(np.zeros((10, 5)))
        with pytest.raises(RanvierError, match="share=1"):
            detector.prune(1)
        with pytest.raises(RanvierError, match="motifs \\[2\\] do not occur in the first 4,800 steps"):
            MotifDetector(window=9).fit(spikes, Raster([50, 60], [0, 1], (6000, 3)))
        with pytest.raises(RanvierError, match="no motif occurs in this raster"):
            detector.calibrate(spikes, Raster([], [], (6000, 3)))
        with within_memory(1000), pytest.raises(MemoryLimitError, match="call predict, or give a shorter raster"):
            detector.decision_function(Raster([0], [0], (1_000_000, 24)))
