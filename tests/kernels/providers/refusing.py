"""A provider that refuses everything, in a sentence."""

from ranvier.kernels import Offer, Refusal


class Refusing:
    name = "refusing"

    def offer(self, shape: object, request: object) -> Offer | Refusal:
        return Refusal("this provider runs nothing")

    def build(self, shape: object, variant: str) -> None:
        raise AssertionError("nothing was offered")


provider = Refusing()
