"""Every product is the same by event, dense and by the reference, forward and gradient."""

from __future__ import annotations

import pytest
import torch

from ranvier.kernels import registry
from ranvier.kernels.provider import DENSE, EVENT
from ranvier.kernels.tasks import (
    AttentionProduct,
    ConvolutionProduct,
    DelayedMatrixProduct,
    DelayedSparseProduct,
    MatrixProduct,
    MaxPool,
    PropagateShape,
    SparseProduct,
    pattern,
)

WIDE = torch.float64


def tasks() -> dict[str, object]:
    generator = torch.Generator().manual_seed(3)

    def rand(*size: int) -> torch.Tensor:
        return torch.rand(size, generator=generator, dtype=WIDE)

    x, history = (rand(9, 2, 7) < 0.3).to(WIDE), (rand(5, 2, 7) < 0.3).to(WIDE)
    pre, post = torch.nonzero(rand(7, 6) < 0.5, as_tuple=True)
    rows = pattern(pre, post, (7, 6))
    first = torch.randint(0, 5, (6, 7), generator=generator, dtype=torch.int32)
    late = torch.randint(0, 5, (len(pre),), generator=generator, dtype=torch.int32)
    return {
        "matrix": MatrixProduct(x, rand(6, 7), rand(6)),
        "sparse": SparseProduct(x, rows, rand(len(pre))),
        "delayed matrix": DelayedMatrixProduct(x, rand(6, 7, 2), first, history),
        "delayed sparse": DelayedSparseProduct(x, rows, rand(len(pre), 2), late, history),
        "convolution": ConvolutionProduct(
            rand(3, 4, 6, 8), rand(6, 2, 3, 2), rand(6), (1, 2), (2, 0), (1, 2), groups=2
        ),
        "transposed convolution": ConvolutionProduct(
            rand(3, 4, 6, 8), rand(4, 3, 3, 2), rand(6), (1, 2), (1, 0), (1, 2), True, (0, 1), groups=2
        ),
        "pooling": MaxPool(rand(3, 2, 6, 8), (2, 4)),
        "attention": AttentionProduct((rand(3, 30, 400) < 0.2).to(WIDE), 2, 0.3),
    }


@pytest.mark.parametrize("name", tasks())
@pytest.mark.parametrize("variant", [EVENT, DENSE])
def test_equal_to_the_reference(name: str, variant: str) -> None:
    task, shape = tasks()[name], PropagateShape("p", "pre")
    found = []
    for run in (registry.provider("cpu").build(shape, variant), registry.provider("reference").build(shape, DENSE)):
        given = [t.clone().requires_grad_() if isinstance(t, torch.Tensor) and t.dtype == WIDE else t for t in task]
        out = run(type(task)(*given))
        leaves = [t for t in given if isinstance(t, torch.Tensor) and t.requires_grad]
        weight = torch.rand(out.shape, generator=torch.Generator().manual_seed(1), dtype=WIDE)
        found.append([out, *torch.autograd.grad((out * weight).sum(), leaves)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
