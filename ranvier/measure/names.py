"""Operations of torch by name: which multiply, which add, and which only choose and move."""

from __future__ import annotations

from typing import Any

__all__ = ["ADDITIONS", "ATTENTION", "AVERAGES", "OF_ONE", "OPERANDS", "SUMS", "moves", "name_of"]

#: by name of torch's operation, the places of both operands among its arguments
OPERANDS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot", "ger", "linear", "mul", "div", "convolution", "mkldnn_convolution"), (0, 1)),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm", "addmv", "addr", "addcmul", "addcdiv"), (1, 2)),
    "native_batch_norm": (0, 1), "_native_batch_norm_legit_no_training": (0, 1), "cudnn_batch_norm": (0, 1), "_sparse_addmm": (1, 2),
    "_trilinear": (0, 2), "_prelu_kernel": (0, 1),
}  # fmt: skip
#: products of the numbers of one tensor, which only choose where these are spikes
OF_ONE = ("prod", "cumprod")
_SUMS = """
    add sub rsub sum nansum cumsum neg abs sign sgn positive index_add scatter_add pixel_shuffle pixel_unshuffle
    im2col col2im eq ne lt le gt ge max min amax amin aminmax argmax argmin maximum minimum fmax fmin clamp clamp_min
    clamp_max relu relu6 hardtanh threshold sort topk kthvalue median mode cummax cummin max_pool2d_with_indices
    max_pool3d_with_indices max_pool2d max_pool3d adaptive_max_pool2d adaptive_max_pool3d mkldnn_max_pool2d
    mkldnn_max_pool3d round floor ceil trunc heaviside where masked_fill masked_scatter masked_select fill copy clone
    _to_copy view _unsafe_view _reshape_copy cat stack unsafe_split unsafe_split_with_sizes unsafe_chunk repeat flip
    roll gather index index_select index_put _unsafe_index index_copy take embedding repeat_interleave scatter
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
    replication_pad3d upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d
    _upsample_nearest_exact2d tril triu channel_shuffle nonzero count_nonzero bincount isnan isinf isfinite all any
    equal is_nonzero _local_scalar_dense lift_fresh set resize unique_dim _unique2 unique_consecutive searchsorted
    bucketize bernoulli zero transpose squeeze unsqueeze t as_strided nan_to_num _to_dense _to_sparse is_same_size
"""
#: operations that add, compare, choose and move numbers, beside views
SUMS = frozenset(_SUMS.split())
#: those of :data:`SUMS` that add
ADDITIONS = frozenset(["add", "sub", "rsub", "sum", "nansum", "cumsum", "index_add", "scatter_add", "col2im"])
ATTENTION = (
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
)
AVERAGES = ("mean", "avg_pool1d", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d")


def name_of(call: Any) -> tuple[str, str]:
    """Namespace and name of an operation, without what says that it is in place."""
    space, _, name = call._schema.name.rpartition("::")
    return space, name.rstrip("_")


def moves(call: Any) -> bool:
    """Whether an operation is known only to add, compare, choose or move."""
    _, name = name_of(call)
    return call.is_view or name in SUMS or name.startswith(("new_", "constant_pad")) or name.endswith("_like")
