"""Weights in a storage: a float parameter read through it while it learns, or the stored numbers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ranvier.connectivity._packed import Packed
from ranvier.connectivity.computed import make_plain
from ranvier.connectivity.transform import Transform
from ranvier.storages import Storage, StorageError, Stored

if TYPE_CHECKING:
    from ranvier.limits.record import Record
    from ranvier.limits.tensors import Take

__all__ = ["Storing"]

Tensor = torch.Tensor


class Storing(Transform):
    """A transform whose weights may have a storage."""

    packed: Packed | None
    #: the axis of the weight along which outputs change; None where synapses are single
    output_axis: int | None = None

    def keep_storage(self, storage: Any) -> None:
        """Read the weights through a ``storage``; None: as they are."""
        if storage is not None and not isinstance(storage, Storage):
            raise StorageError(
                f"{type(self).__name__}: storage={storage!r} is no storage: give rv.storages.Int8() or another of rv.storages."
            )
        self.storage, self.packed = storage, None
        if storage is not None and storage.learns:
            if self.output_axis is None:
                raise StorageError(
                    f"{type(self).__name__}: {storage} learns a scale, which single synapses do not have: leave learn out."
                )
            self.module.register_parameter(
                "step", nn.Parameter(storage.first_step(self.weight.detach(), self.output_axis))
            )

    @property
    def learnt_step(self) -> nn.Parameter | None:
        """The scale of a storage that is learnt."""
        return self.module._parameters.get("step") if self.storage is not None and self.storage.learns else None

    def unstored(self) -> Tensor:
        """The weights within sign and bounds, before they are written to storage."""
        return self.weight

    def effective_weight(self) -> Tensor:
        """The weights in use: within sign and bounds, written to storage and read back; gradients ignore all three."""
        if self.packed is not None:
            return self.packed.stored().decode()
        weight = self.unstored()
        if self.storage is None:
            return weight
        step = self.learnt_step
        if step is not None:
            return self.storage.read(weight, step)
        raw = weight.detach()
        return self.storage.encode(raw, self.output_axis).decode() + (weight - raw)

    @property
    def stored(self) -> Stored | None:
        """The stored numbers, where there are no others."""
        return None if self.packed is None else self.packed.stored()

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """That of the weights in use."""
        return tuple(self.weight.shape if self.packed is None else self.packed.codes.shape)

    def write(self, weight: Tensor | Stored) -> None:
        """Replace the numbers of the weight."""
        if isinstance(weight, Stored):
            self.packed = Packed(weight, self.is_matrix)
        else:
            self.weight.data.copy_(weight)
            if self.storage is not None and (step := self.learnt_step) is not None:
                step.data.copy_(self.storage.first_step(self.weight.detach(), self.output_axis))

    def store(self, storage: Storage | None = None) -> None:
        """Keep the stored numbers alone: of its own storage, or of ``storage`` where it has none."""
        chosen = self.storage or storage
        if self.packed is not None or chosen is None:
            return
        if remedy := make_plain(self.module, "weight"):
            raise StorageError(
                f"{self.kind} computes its weight from others in every call; make it plain first, as in {remedy}."
            )
        weight = self.unstored().detach()
        step = self.learnt_step
        found = chosen.encode(weight, self.output_axis) if step is None else chosen.with_step(weight, step.detach())
        lost = ~torch.isfinite(found.decode())
        if bool(lost.any()):
            raise StorageError(f"{self.kind} holds the weight {float(weight[lost][0]):g}, which {chosen} cannot hold.")
        self._drop_floats()
        self.storage, self.packed = chosen, Packed(found, self.is_matrix)

    def _drop_floats(self) -> None:
        self.weight = None  # pyright: ignore[reportAttributeAccessIssue]
        self.module._parameters.pop("step", None)

    def describe_storage(self) -> dict[str, Any] | None:
        """Its storage as plain data, and whether the stored numbers are all there is."""
        if self.storage is None:
            return None
        from ranvier.storages import describe  # what a run does not use, it does not import

        return {"of": describe(self.storage), "alone": self.packed is not None}

    def take_storage(self, record: Record, shapes: tuple[tuple[int, ...], ...], take: Take) -> None:
        """Read a record of :meth:`describe_storage`; stored numbers, of one of the ``shapes``, replace the weight."""
        if "storage" not in record:
            return
        from ranvier.storages import rebuild

        inner = record.child("storage")
        self.keep_storage(rebuild(inner.child("of").data))
        if inner.flag("alone") and self.storage is not None:
            self._drop_floats()
            self.packed = Packed.taken(self.storage, take, shapes, inner.where, self.is_matrix)
