"""The conventions of scikit-learn's estimators: parameters by name, and nothing else that depends on it."""

from __future__ import annotations

import inspect
from typing import Any, Self

from ranvier._nearest import meant
from ranvier.errors import RanvierError

__all__ = ["Estimator"]


class Estimator:
    """``get_params`` and ``set_params``, whose parameters are the arguments of ``__init__``, and an error before ``fit``."""

    _kind = "classifier"

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in inspect.signature(cls).parameters]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; ``deep`` is there for scikit-learn and changes nothing."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name.

        Raises
        ------
        RanvierError
            Where a name is unknown.
        """
        names = self._names()
        for name, value in params.items():
            if name not in names:
                raise RanvierError(
                    f"{type(self).__name__} has no parameter {name!r}.{meant(name, names)} There are: {', '.join(names)}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in self.get_params().items())})"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "kernel_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type=self._kind,
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(sparse=True),
        )

    def _fitted(self, doing: str) -> None:
        if not self.__sklearn_is_fitted__():
            raise RanvierError(f"{type(self).__name__} is not fitted, so it cannot {doing}: call fit first.")
