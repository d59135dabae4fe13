"""Copies and shards of one network, in two processes, learn what one process learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.distributed.started import started
from tests.distributed.training_job import batch, network, trained

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed")


def test_two_processes_learn_as_one(tmp_path: Path) -> None:
    for status, errors in started("tests.distributed.training_job", 2, tmp_path):
        assert status == 0, errors
    found = torch.load(tmp_path / "found.pt", weights_only=True)
    one = network()
    before = {n: p.detach().clone() for n, p in one.named_parameters()}
    right = trained(one, one, slice(None))
    for kind in ("ddp", "fsdp"):
        assert set(found[kind]) == set(right)
        for n, value in right.items():
            torch.testing.assert_close(found[kind][n], value, rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(before[n], v) for n, v in right.items())


def test_data_parallel_without_devices_is_the_network() -> None:
    net = network()
    x, _ = batch()
    assert torch.equal(nn.DataParallel(net)(x)[0], net(x)[0])
