"""What a network asks of a provider: tasks as records, and what comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ranvier._pages import page

if TYPE_CHECKING:
    from ranvier.dynamics.plasticity import Additive, Decay, RowRule, Shared
    from ranvier.kernels.tasks._circuit import (
        Circuit,
        CircuitDrive,
        CircuitPopulation,
        CircuitProjection,
        CircuitResult,
        GradedProjection,
    )
    from ranvier.kernels.tasks._draws import (
        BernoulliRows,
        Counts,
        DistinctRows,
        Divided,
        DividedDistinct,
        Draw,
        Normals,
        RepeatedRows,
        RowUniforms,
        StepSpikes,
        Transposed,
        Uniforms,
    )
    from ranvier.kernels.tasks._exchange import Exchange
    from ranvier.kernels.tasks._fused import Feed, Feedback, Fused
    from ranvier.kernels.tasks._pattern import Pattern, pattern
    from ranvier.kernels.tasks._plastic import PlasticProjection
    from ranvier.kernels.tasks._products import (
        AttentionProduct,
        ConvolutionProduct,
        DelayedMatrixProduct,
        DelayedSparseProduct,
        MatrixProduct,
        MaxPool,
        Propagate,
        SparseProduct,
        decoded,
    )
    from ranvier.kernels.tasks._rows import RowDraw, RowSource
    from ranvier.kernels.tasks._scan import Scan, ScanResult
    from ranvier.kernels.tasks._shapes import (
        CircuitShape,
        DrawShape,
        FusedShape,
        PropagateShape,
        ScanShape,
        Shape,
        SynapseShape,
    )
    from ranvier.kernels.tasks._spikes import Spikes
    from ranvier.kernels.tasks._synapses import SynapseResult, SynapseStep

# Public name -> the module that holds it.
_PUBLIC: dict[str, str] = {
    "Additive": "ranvier.dynamics.plasticity",
    "AttentionProduct": "._products",
    "BernoulliRows": "._draws",
    "Circuit": "._circuit",
    "CircuitDrive": "._circuit",
    "CircuitPopulation": "._circuit",
    "CircuitProjection": "._circuit",
    "CircuitResult": "._circuit",
    "CircuitShape": "._shapes",
    "Decay": "ranvier.dynamics.plasticity",
    "ConvolutionProduct": "._products",
    "Counts": "._draws",
    "DelayedMatrixProduct": "._products",
    "DelayedSparseProduct": "._products",
    "DistinctRows": "._draws",
    "Divided": "._draws",
    "DividedDistinct": "._draws",
    "Draw": "._draws",
    "DrawShape": "._shapes",
    "Exchange": "._exchange",
    "Feed": "._fused",
    "Feedback": "._fused",
    "Fused": "._fused",
    "FusedShape": "._shapes",
    "GradedProjection": "._circuit",
    "MatrixProduct": "._products",
    "MaxPool": "._products",
    "Normals": "._draws",
    "Pattern": "._pattern",
    "PlasticProjection": "._plastic",
    "Propagate": "._products",
    "PropagateShape": "._shapes",
    "RepeatedRows": "._draws",
    "RowDraw": "._rows",
    "RowRule": "ranvier.dynamics.plasticity",
    "RowSource": "._rows",
    "RowUniforms": "._draws",
    "Scan": "._scan",
    "ScanResult": "._scan",
    "ScanShape": "._shapes",
    "Shape": "._shapes",
    "Shared": "ranvier.dynamics.plasticity",
    "SparseProduct": "._products",
    "Spikes": "._spikes",
    "StepSpikes": "._draws",
    "SynapseResult": "._synapses",
    "SynapseShape": "._shapes",
    "SynapseStep": "._synapses",
    "Transposed": "._draws",
    "Uniforms": "._draws",
    "decoded": "._products",
    "pattern": "._pattern",
}

__all__ = [
    "Additive",
    "AttentionProduct",
    "BernoulliRows",
    "Circuit",
    "CircuitDrive",
    "CircuitPopulation",
    "CircuitProjection",
    "CircuitResult",
    "CircuitShape",
    "ConvolutionProduct",
    "Counts",
    "Decay",
    "DelayedMatrixProduct",
    "DelayedSparseProduct",
    "DistinctRows",
    "Divided",
    "DividedDistinct",
    "Draw",
    "DrawShape",
    "Exchange",
    "Feed",
    "Feedback",
    "Fused",
    "FusedShape",
    "GradedProjection",
    "MatrixProduct",
    "MaxPool",
    "Normals",
    "Pattern",
    "PlasticProjection",
    "Propagate",
    "PropagateShape",
    "RepeatedRows",
    "RowDraw",
    "RowRule",
    "RowSource",
    "RowUniforms",
    "Scan",
    "ScanResult",
    "ScanShape",
    "Shape",
    "Shared",
    "SparseProduct",
    "Spikes",
    "StepSpikes",
    "SynapseResult",
    "SynapseShape",
    "SynapseStep",
    "Transposed",
    "Uniforms",
    "decoded",
    "pattern",
]

__getattr__, __dir__ = page(__name__, _PUBLIC)
