"""How errors of the outputs reach hidden cells: by the output weights, by random ones, or by ones that follow them."""

from __future__ import annotations

import math

import torch

from ranvier.errors import TrainingError
from ranvier.network import Network
from ranvier.network.run.upstream import upstream
from ranvier.training.batches import key
from ranvier.training.rules._reach import first_arrivals
from ranvier.training.rules._refuse import learns
from ranvier.training.rules.series import Block

__all__ = ["Feedback"]

Tensor = torch.Tensor


class Feedback:
    """Learning signals for every hidden population of a network; ``hidden`` names them."""

    def __init__(self, net: Network, kind: str, decay: float, seed: int, update: int) -> None:
        self.net, self.kind, self.left, self.seed = net, kind, (1 - decay) ** update, seed
        self.hidden = [n for n in net.populations if n not in net.outputs]
        self.onto = {
            n: [p for p in net.projections.values() if p.pre == n and p.post in net.outputs] for n in self.hidden
        }
        for n in self.hidden:
            learnt = learns(net.populations[n]) or any(learns(p) for p in net.projections.values() if p.post == n)
            if kind != "random" and learnt and not self.onto[n]:
                raise TrainingError(
                    f"EProp(feedback={kind!r}) sends errors back along output weights, but {n!r} projects to no output: "
                    f"use feedback='random', or connect it to the output."
                )
            odd = next((p for p in self.onto[n] if kind == "adaptive" and (p.per_synapse or p.matrix() is None)), None)
            if odd is not None:
                raise TrainingError(
                    f"EProp(feedback='adaptive') needs a weight matrix with one delay, but projection {odd.name!r} is not one: "
                    f"use rv.Linear there, or feedback='symmetric'."
                )
        first = {o: first_arrivals(net, o) for o in net.outputs}
        self.after = {n: {o: first[o].get(n, 0) for o in net.outputs} for n in self.hidden}
        #: steps after a spike in which its error may still arise
        self.later = max(
            [p.depth for onto in self.onto.values() for p in onto]
            if kind != "random"
            else [steps for own in self.after.values() for steps in own.values()],
            default=0,
        )

    def signals(self, block: Block, errors: dict[tuple[str, str], Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Pairs of hidden emissions and their learning signal [K, B, …].

        ``errors`` are those of the block and of ``later`` steps after it: a spike that arrives later is answered by the error of
        that step.
        """
        out = []
        for n in self.hidden:
            z = block.window.emissions.get(n)
            if z is not None and z.requires_grad:
                out += [(z, self._signal(n, z.detach(), error, owner, stream)) for (owner, stream), error in
                        errors.items() if self._reaches(n, owner, stream)]  # fmt: skip
        return out

    def _reaches(self, name: str, output: str, stream: str) -> bool:
        port = self._port(output, stream)
        if self.kind == "random":
            return port in {p.port for p in self.net.projections.values() if p.post == output}
        return any(p.post == output and p.port == port for p in self.onto[name])

    def _port(self, output: str, stream: str) -> str:
        """The port of the population ``output`` at which what is in ``stream`` arrives."""
        return self.net.graph.step(output).port_of(stream)

    def _signal(self, name: str, z: Tensor, error: Tensor, output: str, stream: str) -> Tensor:
        count = len(z)
        if self.kind == "random":
            after = self.after[name][output]
            B = self._random(f"{name}/{output}/{stream}", error[0, 0].numel(), z[0, 0].numel(), z)
            return error[after : after + count].flatten(2).matmul(B).view_as(z)
        port = self._port(output, stream)
        along = [p for p in self.onto[name] if p.post == output and p.port == port]
        total = torch.zeros_like(z)
        for p in along:
            W = None if p.per_synapse else p.matrix()
            if W is not None and z.ndim == 3:
                B = W.detach()
                if self.kind == "adaptive":
                    B = B + self.left * self._random(f"{p.name}/difference", *B.shape, z)
                total += error[p.latency : p.latency + count].matmul(B)
            else:
                silent = z.new_zeros(p.depth, *z.shape[1:])
                leaf = torch.cat([z, silent]).requires_grad_()
                with torch.enable_grad():
                    way_back = upstream(p, leaf, silent, error[: count + p.depth])
                    total += torch.autograd.grad(way_back, leaf, error[: count + p.depth])[0][:count]
        return total

    def _random(self, label: str, outputs: int, cells: int, like: Tensor) -> Tensor:
        """[outputs, cells] normal numbers of variance 1/cells, the same at every call."""
        generator = torch.Generator().manual_seed(key(self.seed, label))
        return (torch.randn(outputs, cells, generator=generator, dtype=torch.float64) / math.sqrt(cells)).to(like)
