"""Detection of motion from events: the model, its training, and its mistakes."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch.nn import functional

import ranvier as rv
from ranvier.errors import RanvierError, ShapeError
from ranvier.motifs import MotionDetector
from ranvier.units import ms


def moving(samples: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Events [S, 12, 2, 10, 10] of textures that move in one of four directions by a pixel in each step."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(samples) % 4
    step = torch.stack([torch.cos(y * math.pi / 2), torch.sin(y * math.pi / 2)], 1)
    frames = rv.encoding.drift(
        rv.encoding.textures(samples, 16, generator=generator), torch.arange(13.0)[:, None, None] * step
    )
    events = rv.encoding.EventCamera()(frames[..., :10, :10], 1 * ms, generator=generator)
    return events[1:].transpose(0, 1).clamp(max=1), y


@pytest.fixture(scope="module")
def detector() -> MotionDetector:
    return MotionDetector(window=4, patch=5, epochs=8).fit(*moving(120, 0))


class TestMotion:
    def test_directions_are_told_apart(self, detector: MotionDetector) -> None:
        assert detector.score(*moving(40, 1)) > 0.8

    def test_the_evidence_is_a_convolution_in_space_and_time(self, detector: MotionDetector) -> None:
        x, _ = moving(7, 2)
        kernel = torch.from_numpy(detector.kernel_).double().flip(2)
        padded = functional.pad(x.transpose(1, 2).double(), (0, 0, 0, 0, 3, 0))
        same, exchanged = (functional.conv3d(e, kernel) for e in (padded, padded.flip(1)))
        evidence = torch.maximum(same, exchanged) + torch.from_numpy(detector.bias_).double()[:, None, None, None]
        p = evidence.softmax(1)
        wanted = (p.log() - torch.log1p(-p)).mean((3, 4)).transpose(1, 2)
        torch.testing.assert_close(detector.decision_function(x).double(), wanted, rtol=1e-3, atol=1e-3)

    def test_one_sample_alone_gives_the_same(self, detector: MotionDetector) -> None:
        x, _ = moving(7, 2)
        torch.testing.assert_close(detector.decision_function(x[3:4]), detector.decision_function(x)[3:4])

    def test_classes_of_steps(self) -> None:
        x, y = moving(40, 0)
        whole, steps = (
            MotionDetector(window=3, patch=3, epochs=1, held_out=0.0).fit(x, target).kernel_
            for target in (y, y[:, None].expand(40, 12))
        )
        assert (whole == steps).all()

    def test_pruning_keeps_the_largest(self, detector: MotionDetector) -> None:
        pruned = copy.deepcopy(detector).prune(0.7)
        assert pruned.synapses_ == round(0.3 * detector.synapses_)
        left = pruned.kernel_ != 0
        assert abs(detector.kernel_[left]).min() >= abs(detector.kernel_[~left]).max()
        assert not torch.equal(pruned.decision_function(moving(4, 3)[0]), detector.decision_function(moving(4, 3)[0]))

    def test_parameters(self) -> None:
        assert MotionDetector(5).set_params(patch=3).get_params()["patch"] == 3

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"window": 0}, "window=0"),
            ({"patch": 1.5}, "patch=1.5"),
            ({"epochs": 0}, "epochs=0"),
            ({"batch_size": -1}, "batch_size=-1"),
            ({"lr": math.inf}, "lr=inf"),
            ({"held_out": -0.1}, "held_out=-0.1"),
            ({"held_out": 0.99}, "leaves none to learn from"),
            ({"window": 13}, "fewer steps than window=13"),
            ({"patch": 11}, "pixels than patch=11"),
        ],
    )
    def test_parameters_out_of_range(self, change: dict, text: str) -> None:
        with pytest.raises(RanvierError, match=text):
            MotionDetector(**{"window": 3, "patch": 3, **change}).fit(*moving(8, 0))

    def test_other_mistakes(self, detector: MotionDetector) -> None:
        x, y = moving(8, 0)
        with pytest.raises(RanvierError, match="not fitted"):
            MotionDetector().predict(x)
        with pytest.raises(ShapeError, match=r"give \[S, T, P, H, W\]"):
            detector.predict(x[0])
        with pytest.raises(ShapeError, match="the detector was fitted to"):
            detector.predict(x[:, :, :1])
        for wrong in (y.double(), y[:5], -1 - y):
            with pytest.raises(ShapeError, match="a whole number from 0"):
                MotionDetector(window=3, patch=3).fit(x, wrong)
        with pytest.raises(ShapeError, match=r"give \[S\] or \[S, T\]"):
            detector.score(x, y[:3])
        with pytest.raises(RanvierError, match="share=1"):
            detector.prune(1.0)
