"""Detection of objects: boxes, loss and mean average precision on cases worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import ranvier as rv
from ranvier.errors import RanvierError
from ranvier.training.boxes import Found, overlap, suppressed
from ranvier.training.metrics import AveragePrecision
from ranvier.units import ms

LOSS = rv.losses.Detection(classes=2)


def boxes(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, 4)


def found(scores: list[float], kinds: list[int], *rows: tuple[float, ...]) -> Found:
    return Found(boxes(*rows), torch.tensor(scores, dtype=torch.float64), torch.tensor(kinds))


class TestBoxes:
    def test_overlaps_by_hand(self) -> None:
        one = boxes((0.5, 0.5, 0.2, 0.2))
        part, general = overlap(one, boxes((0.6, 0.5, 0.2, 0.2)))  # half of each is shared: 1/3
        assert part.item() == pytest.approx(1 / 3)
        assert general.item() == pytest.approx(1 / 3)  # hull and union are equal
        part, general = overlap(one, boxes((0.9, 0.5, 0.2, 0.2)))  # hull 0.6 x 0.2, union 0.4 x 0.2
        assert part.item() == 0
        assert general.item() == pytest.approx(-1 / 3)

    def test_the_better_of_two_stays_and_other_classes_do(self) -> None:
        a, b, c = (0.5, 0.5, 0.2, 0.2), (0.51, 0.5, 0.2, 0.2), (0.5, 0.5, 0.2, 0.2)
        kept = suppressed(found([0.3, 0.9, 0.5], [0, 0, 1], a, b, c))
        assert kept.scores.tolist() == [0.9, 0.5]
        assert kept.classes.tolist() == [0, 1]
        assert len(suppressed(found([], [])).scores) == 0


class TestLoss:
    def test_it_is_its_definition(self) -> None:
        torch.manual_seed(0)
        out = torch.randn(3, 1, 7, 2, 2, dtype=torch.float64)
        truth = torch.tensor([[[1, 0.6, 0.2, 0.3, 0.4], [-1, 0, 0, 0, 0]]], dtype=torch.float64)
        o = out.mean(0)[0]
        here = o[:, 0, 1]  # row 0, column 1
        raw = here[1:5].sigmoid()
        box = torch.stack([(raw[0] + 1) / 2, raw[1] / 2, raw[2], raw[3]])
        presence = -nn.functional.logsigmoid(here[0]) - nn.functional.logsigmoid(-o[0].flatten()[[0, 2, 3]]).mean()
        wanted = presence + 2 * (1 - overlap(box, truth[0, 0, 1:])[1]) - here[5:].log_softmax(0)[1]
        torch.testing.assert_close(LOSS(out, truth), wanted)

    def test_the_last_of_several_objects_in_a_cell_counts(self) -> None:
        out = torch.randn(2, 2, 7, 3, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        first, last, other = [0, 0.1, 0.1, 0.2, 0.2], [1, 0.2, 0.2, 0.3, 0.1], [0, 0.9, 0.9, 0.1, 0.1]
        both = torch.tensor([[first, other, last], [last, other, first]], dtype=torch.float64)
        alone = torch.tensor([[other, last], [other, first]], dtype=torch.float64)
        torch.testing.assert_close(LOSS(out, both), LOSS(out, alone))

    def test_gradients(self) -> None:
        torch.manual_seed(1)
        out = torch.randn(2, 2, 7, 3, 2, dtype=torch.float64, requires_grad=True)
        truth = torch.tensor([[[0, 0.3, 0.7, 0.2, 0.2]], [[-1, 0, 0, 0, 0]]], dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda o: LOSS(o, truth), out)

    def test_a_perfect_map_is_read_back(self) -> None:
        out = torch.full((1, 1, 7, 4, 4), -20.0)
        centre, size = torch.tensor([0.5, 0.25]), torch.tensor([0.3, 0.2])
        out[0, 0, 0, 1, 2] = out[0, 0, 6, 1, 2] = 20
        out[0, 0, 1:3, 1, 2], out[0, 0, 3:5, 1, 2] = torch.logit(centre), torch.logit(size)
        (one,) = LOSS.found(out)
        assert one.classes.tolist() == [1]
        torch.testing.assert_close(one.boxes, torch.tensor([[2.5 / 4, 1.25 / 4, 0.3, 0.2]]))

    @pytest.mark.parametrize(
        ("out", "target", "says"),
        [
            (torch.zeros(1, 2, 8, 3, 3), torch.zeros(2, 1, 5), r"\[T, B, 7, G, H\]"),
            (torch.zeros(1, 2, 7), torch.zeros(2, 1, 5), r"Conv2d\(…, 7, 1\)"),
            (torch.zeros(1, 2, 7, 3, 3), torch.zeros(3, 1, 5), "for 2 samples"),
            (torch.zeros(1, 2, 7, 3, 3), torch.zeros(2, 5), r"\[B, M, 5\]"),
            (torch.zeros(1, 2, 7, 3, 3), None, "NoneType"),
            (torch.zeros(1, 1, 7, 3, 3), torch.full((1, 1, 5), 2.0), "no class"),
            (torch.zeros(1, 1, 7, 3, 3), torch.full((1, 1, 5), 1.0), "outside the image"),
            (
                torch.zeros(1, 1, 7, 3, 3),
                torch.tensor([[[-2, 0.5, 0.5, 0.1, 0.1]]]),
                "target -2 is no class.*-1 to pad",
            ),
            (torch.zeros(1, 1, 7, 3, 3), torch.tensor([[[0.5, 0.5, 0.5, 0.1, 0.1]]]), "target 0.5 is no class"),
            (torch.zeros(1, 1, 7, 3, 3), torch.tensor([[[torch.nan, 0.5, 0.5, 0.1, 0.1]]]), "target nan is no class"),
            (
                torch.zeros(1, 1, 7, 3, 3),
                torch.tensor([[[0, 0.5, 0.5, 20, 0.1]]]),
                "width or height 20: give sizes in parts",
            ),
            (torch.zeros(1, 1, 7, 3, 3), torch.tensor([[[0, 0.5, 0.5, 0.1, 0]]]), "width or height 0"),
        ],
    )
    def test_mistakes(self, out: torch.Tensor, target: Any, says: str) -> None:
        with pytest.raises(RanvierError, match=says):
            LOSS(out, target)

    @pytest.mark.parametrize(
        "how", [{"classes": 0}, {"classes": 2.0}, {"classes": 1, "box": -1}, {"classes": 1, "empty": "1"}]
    )
    def test_wrong_settings(self, how: dict[str, Any]) -> None:
        with pytest.raises(RanvierError, match=next(reversed(how))):
            rv.losses.Detection(**how)


class TestPrecision:
    A, B, FAR = (0.2, 0.2, 0.2, 0.2), (0.7, 0.7, 0.2, 0.2), (0.45, 0.9, 0.1, 0.1)

    def score(self, images: list[tuple[Found, list[tuple[float, ...]]]], overlaps: tuple[float, ...] = (0.5,)) -> float:
        tally = AveragePrecision(lambda out, lengths: [out], overlaps).tally()
        for one, truth in images:
            tally.add(one, torch.tensor([truth], dtype=torch.float64), None, 1)
        return tally.value()

    def test_all_right_and_all_wrong(self) -> None:
        truth = [(0, *self.A), (1, *self.B)]
        assert self.score([(found([0.9, 0.8], [0, 1], self.A, self.B), truth)]) == pytest.approx(1)
        assert self.score([(found([0.9, 0.8], [1, 0], self.A, self.B), truth)]) == 0
        assert self.score([(found([], []), truth)]) == 0

    @pytest.mark.parametrize(
        ("target", "says"),
        [
            (torch.zeros(1, 5), r"got \(1, 5\)"),
            (torch.zeros(1, 2, 4), r"got \(1, 2, 4\)"),
            (torch.zeros(3, 2, 5), r"for 1 samples, got \(3, 2, 5\)"),
            ([[0, 1]], "got list"),
        ],
    )
    def test_targets_of_another_shape(self, target: Any, says: str) -> None:
        tally = AveragePrecision(lambda out, lengths: [out]).tally()
        with pytest.raises(RanvierError, match=says):
            tally.add(found([], []), target, None, 1)

    def test_a_false_one_before_the_right_ones(self) -> None:
        # hits 0, 1, 1: precision 0, 1/2, 2/3, which becomes 2/3 everywhere
        one = found([0.9, 0.8, 0.7], [0, 0, 0], self.FAR, self.A, self.B)
        assert self.score([(one, [(0, *self.A), (0, *self.B)])]) == pytest.approx(2 / 3)

    def test_a_missed_one_halves_the_recall(self) -> None:
        # recall ends at 1/2: 51 of the 101 recalls have precision 1
        assert self.score([(found([0.9], [0], self.A), [(0, *self.A), (0, *self.B)])]) == pytest.approx(51 / 101)

    def test_an_object_is_found_once(self) -> None:
        one = found([0.9, 0.8], [0, 0], self.A, (0.21, 0.2, 0.2, 0.2))
        assert self.score([(one, [(0, *self.A), (0, *self.B)])]) == pytest.approx(51 / 101)

    def test_images_are_told_apart_and_thresholds_averaged(self) -> None:
        shifted = (0.25, 0.2, 0.2, 0.2)  # overlaps A by 0.6: right at 0.50, 0.55 and 0.60 alone
        assert self.score([(found([0.9], [0], shifted), [(0, *self.A)])], AveragePrecision.COCO) == pytest.approx(0.3)
        empty: list[tuple[float, ...]] = [(-1, 0, 0, 0, 0)]
        assert self.score([(found([0.9], [0], self.A), empty), (found([], []), [(0, *self.A)])]) == 0

    def test_names_and_mistakes(self) -> None:
        assert AveragePrecision(LOSS.found, AveragePrecision.COCO).name == "mAP@50:95"
        for wrong in ((), (0,), (1.5,), ("a",)):
            with pytest.raises(RanvierError, match="overlaps"):
                AveragePrecision(LOSS.found, wrong)

    def test_a_network_learns_with_it(self) -> None:
        torch.manual_seed(0)
        x = torch.zeros(12, 2, 1, 8, 8)
        truth = torch.zeros(12, 1, 5)
        for k in range(12):
            r, c = 2 * (k % 4), 2 * (k // 4)
            x[k, :, 0, r : r + 2, c : c + 2] = 1
            truth[k, 0] = torch.tensor([0, (c + 1) / 8, (r + 1) / 8, 0.25, 0.25])
        net = rv.Sequential(
            rv.Conv2d(1, 8, 2, stride=2), rv.ThresholdBatchNorm(8), rv.LIF(), rv.Conv2d(8, 6, 1), dt=1 * ms
        )
        loss = rv.losses.Detection(classes=1)
        metric = AveragePrecision(loss.found)
        fit = rv.train(net, (x, truth), (x, truth), epochs=60, lr=0.05, loss=loss, metric=metric, progress=False)
        assert fit.history[-1].valid.metrics["mAP@50"] > 0.9
