"""Sizes from which one way of computing the same pays more than another."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TUNING", "Tuning"]


@dataclass(frozen=True)
class Tuning:
    """Sizes by which the cpu provider chooses how to compute. They change the time, never a result.

    Attributes
    ----------
    idle
        Cores that nobody uses; None: those that the system reports when a call begins.
    thread_cells
        Cells, and hundreds of synapses, of a circuit that pay for a thread of their own: below, synchronising threads costs
        more than it gains.
    threaded_call
        The same times steps: a smaller call does not pay for starting threads and giving each its arrays.
    likely_cells
        The same for a circuit whose first calls take several threads; below, the first ones take one. Later calls take what
        was faster.
    trials
        Calls after which the number of threads that was slower is tried again, each time twice as many; 0: sizes alone decide.
    drawn
        Stored synapses that cost as much as one that is drawn when its cell fires.
    drawn_room
        Targets that a thread draws before it waits for the others.
    lazy, eager
        Synapses without plasticity that cost as much as a plastic one: of a rule that runs at spikes, and of one that runs in
        every step.
    graded
        The same for a synapse that stays as it is and brings something in every step.
    copied
        The work of giving threads their part of a plastic synapse, in cells times steps.
    sample_bytes
        Bytes of the states of samples that are advanced together: they stay in the cache.
    batch_bytes
        Bytes of what enters and leaves the samples that are advanced together.
    thread_samples
        Cells times steps times samples that pay for a thread of their own.
    own_weights, shared_weight
        Cells from which bins of blocks pay where synapses have a weight each, which is copied too, and where all share one.
    block
        Cells of a block: what fills the first-level cache with one stream.
    segment, short_segment
        Synapses of a row in one block that pay for the copy; and where threads would have unequal shares otherwise.
    shared_ring, own_ring
        Bytes of the rings of one thread, for all latencies, above which arrivals wait in queues: where each projection has one
        weight, and where synapses have a weight each, which is copied too.
    turn_ring
        Bytes of the ring of one turn of a stream, where arrivals wait in queues; a turn is longer where a spike would bring less
        than ``turn_synapses`` to each.
    least_turns
        Turns until the longest latency, at least.
    turn_synapses
        Synapses that a spike must bring to a queue on average to pay for the copy.
    queue_events
        Arrivals of a cell, on average, for which a queue has room.
    equal, unequal
        Cells of the busiest thread times threads, over those of all: good, and the most that is taken.
    turn_bytes
        Bytes of a stream in one turn of several steps of a fused operation.
    kept_bytes
        Buffers of a circuit that are kept for the next call of the same shape; larger ones cost little of their call.
    called_bytes
        Buffers of a circuit that stays open for successive calls of few steps; a larger circuit is opened anew in each call.
    thread_work
        Neurons times steps of a fused operation that pay for a thread of their own.
    """

    idle: int | None = None
    thread_cells: int = 15_000
    threaded_call: int = 40_000_000
    likely_cells: int = 60_000
    trials: int = 32
    drawn: int = 10
    drawn_room: int = 1 << 17
    lazy: int = 4
    eager: int = 100
    graded: int = 50
    copied: int = 160
    sample_bytes: int = 1 << 22
    batch_bytes: int = 1 << 28
    thread_samples: int = 2_000_000
    own_weights: int = 64_000
    shared_weight: int = 500
    block: int = 1 << 14
    segment: int = 6
    short_segment: int = 3
    shared_ring: int = 1 << 19
    own_ring: int = 3 << 20
    turn_ring: int = 1 << 18
    least_turns: int = 4
    turn_synapses: float = 1.5
    queue_events: int = 8
    equal: float = 1.1
    unequal: float = 1.25
    turn_bytes: int = 1 << 19
    thread_work: int = 1 << 18
    kept_bytes: int = 1 << 24
    called_bytes: int = 1 << 27


#: what the provider of the package uses
TUNING = Tuning()
