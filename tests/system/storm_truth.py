"""The values that the storm compares with every page: the workers' own counts, and the former pages.

Values only: no process, no socket. storm_test.py feeds it; its own tests are in storm_truth_test.py.
"""
import struct

import text_page

SLOT = struct.Struct("<QQ")


def parse_page(text):
    """The storm's samples of a text page: {(name, labels): value}."""
    return text_page.samples(text, "storm_")


class Watch:
    """Sees every page; complains when a number went backwards or a row vanished. A row of nothing may vanish with the
    agent: what counted nothing is not in the ledger."""

    def __init__(self):
        self.seen = {}
        self.pages = 0
        self.agents = 0

    def page(self, samples, agents=0):
        """agents: how many of them have been killed so far."""
        self.pages += 1
        if agents != self.agents:
            self.seen = {key: before for key, before in self.seen.items() if before != 0 or key in samples}
        self.agents = agents
        for key, before in self.seen.items():
            now = samples.get(key)
            if now is None:
                raise AssertionError(f"{key} vanished; it was {before}")
            if now < before:
                raise AssertionError(f"{key} went backwards: {before} to {now}")
        self.seen.update(samples)


def read_slots(memory, count):
    """[(intent, done)] of the truth file's bytes."""
    return [SLOT.unpack_from(memory, i * SLOT.size) for i in range(count)]


def in_doubt(slots, first, count):
    return any(intent != done for intent, done in slots[first:first + count])


def judge(samples, slots):
    """Problems of the final page, as a list of strings; empty if it tells the truth exactly.

    A slot in doubt was killed inside a round. Its own counter, added first, tells whether the round's first
    add was made; the round's other adds may or may not have been.
    """
    problems = []
    done = sum(d for _, d in slots)
    doubts = sum(1 for intent, d in slots if intent != d)
    for number, (intent, was_done) in enumerate(slots):
        own = samples.get(("storm_own_total", f'service="storm",slot="{number}"'), 0)
        if own not in (was_done, intent):
            problems.append(f"slot {number}: {own:.0f} counted, {was_done} done, {intent} begun")
    sums = {
        "storm_rounds_total": sum(v for (n, _), v in samples.items() if n == "storm_rounds_total"),
        "2 x storm_halves_total": 2 * samples.get(("storm_halves_total", 'service="storm"'), 0),
        "storm_size_bytes_count": samples.get(("storm_size_bytes_count", 'service="storm"'), 0),
        "storm_native_bytes_count": samples.get(("storm_native_bytes_count", 'service="storm"'), 0),
    }
    for name, total in sums.items():
        if not done <= total <= done + doubts:
            problems.append(f"{name}: {total:.0f} counted, {done} done, {doubts} slots in doubt")
    return problems
