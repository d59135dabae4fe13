"""Small networks of four libraries: their state dicts, an input, and what they give for it, in float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["NETWORKS"]

STEPS, BATCH = 30, 2


def _snntorch() -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    import snntorch as snn

    class Net(nn.Module):
        """All weights first, then all cells."""

        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(6, 5), nn.Linear(5, 4)
            self.lif1 = snn.Leaky(beta=torch.linspace(0.6, 0.9, 5), learn_beta=True, threshold=0.8)
            self.lif2 = snn.RLeaky(beta=0.85, linear_features=4, reset_mechanism="zero", learn_threshold=True)

        def forward(self, x: Tensor) -> Tensor:
            mem1, spk2, mem2, out = torch.zeros(BATCH, 5), torch.zeros(BATCH, 4), torch.zeros(BATCH, 4), []
            for now in x:
                spk1, mem1 = self.lif1(self.fc1(now), mem1)
                spk2, mem2 = self.lif2(self.fc2(spk1), spk2, mem2)
                out.append(spk2)
            return torch.stack(out)

    net = Net()
    return net, net


def _spikingjelly() -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    from spikingjelly.activation_based import functional, layer, neuron

    net = nn.Sequential(
        layer.Conv2d(1, 3, 3, padding=1, bias=False), layer.BatchNorm2d(3), neuron.ParametricLIFNode(init_tau=3.0),
        layer.AvgPool2d(2), layer.Flatten(), layer.Linear(12, 4, bias=False), neuron.LIFNode(tau=2.5, v_reset=None),
    ).eval()  # fmt: skip
    with torch.no_grad():
        net[1].running_mean.uniform_(-0.2, 0.2)
        net[1].running_var.uniform_(0.2, 0.4)
        net[2].w.fill_(0.25)
    functional.set_step_mode(net, "m")
    return net, lambda x: net(x.reshape(STEPS, BATCH, 1, 4, 4))


def _norse() -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    import norse.torch as norse

    net = norse.SequentialState(norse.LIFRecurrent(6, 5), nn.Linear(5, 4), norse.LIF())
    return net, lambda x: net(x)[0]


def _sinabs() -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    import sinabs.layers as layers

    net = nn.Sequential(nn.Linear(6, 5), layers.LIF(tau_mem=12.0, tau_syn=5.0), nn.Linear(5, 4), layers.IAF())
    with torch.no_grad():
        net[1].tau_mem.fill_(9.0)
    return net, lambda x: net(x.transpose(0, 1)).transpose(0, 1)


NETWORKS = {
    "snntorch": (_snntorch, 6, 4.0),
    "spikingjelly": (_spikingjelly, 16, 6.0),
    "norse": (_norse, 6, 6.0),
    "sinabs": (_sinabs, 6, 6.0),
}


def record() -> Mapping[str, np.ndarray]:
    """Arrays of all networks, by ``library/state/key``, ``library/x`` and ``library/out``."""
    out: dict[str, np.ndarray] = {}
    for library, (make, size, gain) in NETWORKS.items():
        torch.manual_seed(3)
        net, run = make()
        with torch.no_grad():
            for name, q in net.named_parameters():
                if q.ndim > 1 and "recurrent" not in name:
                    q += 0.15  # so that cells fire
        x = torch.round(256 * gain * torch.rand(STEPS, BATCH, size)) / 256
        state = {k: t.detach().clone() for k, t in net.state_dict().items()}
        with torch.no_grad():
            found = run(x)
        print(f"  {library}: {found.sum().item():.0f} spikes in {found.numel()}; {', '.join(state)}")
        out |= {f"{library}/state/{k}": t.numpy() for k, t in state.items()}
        out |= {f"{library}/x": x.numpy(), f"{library}/out": found.numpy().astype(np.uint8)}
    return out


if __name__ == "__main__":
    from _store import save

    save("compat_networks", ("snntorch", "spikingjelly", "norse", "sinabs", "torch"), **record())
