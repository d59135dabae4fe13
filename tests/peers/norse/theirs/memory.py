"""The same with Norse."""

import norse.torch as norse
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        low = {"v_th": torch.as_tensor(0.5)}
        slow = {"tau_adapt_inv": torch.as_tensor(0.135), "beta": torch.as_tensor(1.8)}
        self.lif = norse.LIFRecurrentCell(20, 10, p=norse.LIFParameters(**low))
        self.lsnn = norse.LSNNRecurrentCell(20, 10, p=norse.LSNNParameters(**low, **slow))
        self.readout = norse.LILinearCell(20, 2)

    def forward(self, x, keep=None):
        lif = lsnn = out = None
        voltages = []
        for now in x:
            z, lif = self.lif(now, lif)
            y, lsnn = self.lsnn(now, lsnn)
            v, out = self.readout(torch.cat((z, y), -1), out)
            voltages.append(v)
            if keep is not None:
                keep.append((z, y, lsnn.b))
        return torch.stack(voltages)


def recalled(out, y):
    return out.unflatten(0, (y.shape[1], -1)).mean(1).softmax(2).transpose(0, 1)[y.sum(2) > 0], y[y.sum(2) > 0]


def signals(given):
    net, state = Net(), dict(given["state"])
    state["readout.input_weights"] = torch.cat([state.pop("out_lif.weight"), state.pop("out_lsnn.weight")], 1)
    net.load_state_dict(state)
    keep = []
    out = net(given["x"], keep)
    return dict(zip(("lif", "lsnn", "b"), map(torch.stack, zip(*keep, strict=True)), strict=True)) | {"out": out}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(epochs):
        for k in torch.randperm(len(samples.y)).split(128):
            optimizer.zero_grad()
            found, bits = recalled(net(samples.x[k].transpose(0, 1)), samples.y[k])
            loss = nn.functional.binary_cross_entropy_with_logits(found, bits)
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        found, bits = recalled(net(samples.x_test.transpose(0, 1)), samples.y_test)
        return (found.argmax(1) == bits.argmax(1)).float().mean().item()
