"""The same with Norse."""

import norse.torch as norse
import torch
from torch import nn


def network(inputs, hidden):
    taus = [nn.Parameter(torch.full((size,), 100.0)) for size in (hidden, inputs)]
    cells = [norse.LIF(p=norse.LIFParameters(tau_mem_inv=tau)) for tau in taus]
    dense = nn.Linear(inputs, hidden), nn.Linear(hidden, inputs)
    return norse.SequentialState(dense[0], cells[0], dense[1], cells[1]), taus


def signals(given):
    net, taus = network(20, 30)
    net.load_state_dict(given["state"])
    with torch.no_grad():
        taus[0].copy_(given["tau"][0])
        taus[1].copy_(given["tau"][1, :20])
    out, _ = net(given["x"])
    out.sum().backward()
    return {"spikes": out, "gradient_1": taus[0].grad, "gradient_2": taus[1].grad}


def score(samples, seed, epochs):
    torch.manual_seed(seed)
    net, taus = network(100, 200)
    optimizer = torch.optim.Adam([*net.parameters(), *taus], lr=1e-2)  # Norse does not list the time constants
    for _ in range(epochs):
        for k in torch.randperm(len(samples.y)).split(4):
            optimizer.zero_grad()
            out, _ = net(samples.x[k].transpose(0, 1))
            loss = nn.functional.mse_loss(out, samples.y[k].transpose(0, 1))
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        out, _ = net(samples.x_test.transpose(0, 1))
        return nn.functional.mse_loss(out, samples.y_test.transpose(0, 1)).item()
