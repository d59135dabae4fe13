"""The circuit of polychronous groups: its wiring, its rule in the published order of events, and groups that were planted."""

from __future__ import annotations

import numpy as np

from ranvier.recipes.parts.groups import survey
from ranvier.recipes.parts.polychrony import Graph, circuit, draw
from ranvier.units import ms


def test_the_wiring_is_the_published_one() -> None:
    graph = draw(1000, seed=2)
    assert len(graph.pre) == 100_000
    np.testing.assert_array_equal(np.bincount(graph.pre), np.full(1000, 100))
    assert not (graph.pre == graph.post).any()
    assert len(np.unique(graph.pre * 1000 + graph.post)) == 100_000
    assert (graph.post[graph.pre >= 800] < 800).all()
    np.testing.assert_array_equal(np.bincount(graph.delay[graph.pre == 7])[1:], np.full(20, 5))
    assert (graph.delay[graph.pre >= 800] == 1).all()
    shuffled = graph.shuffled(np.random.default_rng(1))
    assert (shuffled.delay != graph.delay).mean() > 0.5
    np.testing.assert_array_equal(np.sort(shuffled.delay), np.sort(graph.delay))


def test_the_rule_follows_the_published_order_of_events() -> None:
    """In each ms: cells that have fired potentiate what arrived before; then spikes arrive and depress."""
    graph, steps = draw(100, seed=5), 900
    run = circuit(graph, seed=5).run(steps * ms, stream=0, record={"exc": ["spikes"], "inh": ["spikes"]})
    fired = np.zeros((steps + 1, graph.cells), bool)  # row t: found above threshold at the beginning of step t
    for name, first in (("exc", 0), ("inh", graph.exc)):
        spikes = run[name].spikes
        fired[spikes.step + 1, spikes.cell + first] = True
    assert fired.sum() > 60
    decay, checked = np.exp(-1 / 20), 0
    for name, first in (("exc_exc", 0), ("exc_inh", graph.exc)):
        ours = run.state.synapses[name]["z"][0].numpy()
        onto = (graph.pre < graph.exc) & ((graph.post >= graph.exc) == bool(first))
        chosen = np.flatnonzero(onto)[np.lexsort((graph.post[onto], graph.pre[onto]))]
        expected = np.zeros(len(chosen))
        for k, s in enumerate(chosen):
            arrived = posted = -np.inf
            for t in range(steps):
                if fired[t, graph.post[s]]:
                    expected[k] += (
                        0.1 * decay ** (t - 1 - arrived) * decay
                    )  # the trace has moved on once since it was set
                    posted = t
                if t >= graph.delay[s] - 1 and fired[t - graph.delay[s] + 1, graph.pre[s]]:
                    expected[k] -= 0.12 * decay ** (t - posted)
                    arrived = t
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)
        checked += int((expected != 0).sum())
    assert checked > 200


def _chain(length: int) -> Graph:
    """From cell 4 on each cell is made to fire by the four before it; what is not part of the chain is weak."""
    pre, post, delay, weight = [0, 45], [45, 0], [1, 1], [0.1, -0.1]
    when = [1, 3, 7, 8]  # ms at which each cell fires
    for cell in range(4, length):
        arrival = max(when[-4:]) + 2
        for source in range(cell - 4, cell):
            pre.append(source)
            post.append(cell)
            delay.append(arrival - when[source])
            weight.append(10.0)
        when.append(arrival + 2)
    return Graph(40, 50, *(np.array(x) for x in (pre, post, weight, delay)))


def test_a_planted_group_is_found_and_its_paths_are_counted() -> None:
    found = survey(_chain(14), 60, least=7, seed=1)
    assert found.triplets == 40  # ten cells with four strong synapses each
    assert found.fired == found.tried == 60
    longest = max(found.groups, key=lambda g: g.length)
    assert longest.length == found.lengths.max() == 11  # a cell of the anchor, and the ten that follow
    assert {*range(4, 14)} <= set(longest.cell.tolist()) <= set(range(14))
    assert all(longest.step[a] < longest.step[b] for a, b in longest.links)
    assert min(g.length for g in found.groups) >= 7
    count, error = found.estimate
    assert 0 < count < 40
    assert error < 4


def test_no_groups_without_strong_synapses() -> None:
    found = survey(draw(100), 10)
    assert (found.triplets, found.groups, found.estimate) == (0, [], (0.0, 0.0))
