"""What Notch claims of its speed and size, each as a figure over rows of the benchmarks' JSON.
Called by: results. A claim names rows; no number of a run stands here.
"""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Claim:
    """`figure(rows)` is to be at most, or at least, `bound`. Rows are medians by name."""

    text: str
    program: str
    figure: Callable
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def bound(self):
        return (f"at most {self.at_most:g}{self.unit}" if self.at_most is not None
                else f"at least {self.at_least:g}{self.unit}")

    def met(self, value):
        return value <= self.at_most if self.at_most is not None else value >= self.at_least


def cost_over(row, base):
    return lambda rows: rows[row].cpu_ns / rows[base].cpu_ns


def times_faster(row, peer):
    return cost_over(peer, row)


def _attach_us(probe):
    return lambda rows: (rows[probe].real_ns - rows["attach_probe_without"].real_ns) / 1e3


def _memory_share(rows):
    row = rows["agent_memory"].counters
    return row["anonymous_bytes"] / (20 * 2**20 + 250 * row["series"])


def _client_claims(cpus):
    every = f"threads:{cpus}"
    one = "threads:1"
    many = f"{cpus} threads"
    for linked, suffix in (("shared library", ""), ("static library", "_static")):
        def claim(text, program, figure, **bound):
            return Claim(f"{text} ({linked})", program + suffix, figure, "x", **bound)

        yield claim("Counter add, 1 thread, over a plain increment", "counter_add_bench",
                    cost_over(f"notch_add_one/{one}", f"plain_increment_one/{one}"), at_most=2.0)
        yield claim("Counter add, 1 thread, faster than prometheus-cpp", "counter_add_bench",
                    times_faster(f"notch_add_one/{one}", f"prometheus_cpp_increment_one/{one}"),
                    at_least=6)
        yield claim(f"Counter add, {many} on one counter, over 1 thread", "counter_add_bench",
                    cost_over(f"notch_add_one/{every}", f"notch_add_one/{one}"), at_most=1.3)
        yield claim(f"Counter add, {many} on one counter, faster than prometheus-cpp",
                    "counter_add_bench",
                    times_faster(f"notch_add_one/{every}", f"prometheus_cpp_increment_one/{every}"),
                    at_least=12)
        for threads, words, bound in ((one, "1 thread", 6), (every, many, 10)):
            yield claim(f"Classic histogram observe, {words}, faster than prometheus-cpp",
                        "histogram_observe_bench",
                        times_faster(f"notch_classic_observe/{threads}",
                                     f"prometheus_cpp_observe/{threads}"), at_least=bound)
        yield claim("Native histogram observe, faster than prometheus-cpp's classic",
                    "histogram_observe_bench",
                    times_faster(f"notch_native_observe/{one}", f"prometheus_cpp_observe/{one}"),
                    at_least=6)
        yield claim("Labelled look-up and add, faster than Family::Add(labels).Increment()",
                    "labelled_lookup_bench",
                    times_faster(f"notch_with_and_add/{one}",
                                 f"prometheus_cpp_add_and_increment/{one}"), at_least=10)


def _agent_claims():
    yield Claim("Scrape of 1,000,000 series in 100 segments, text, faster than prometheus-cpp's "
                "Collect and Serialize", "scrape_bench",
                times_faster("notch_scrape_many_series", "prometheus_cpp_many_series"), "x",
                at_least=40)
    yield Claim("Scrape of 1,000 segments of 100 shared series, over reading that memory once",
                "scrape_bench",
                cost_over("notch_scrape_many_segments", "read_memory_many_segments"), "x",
                at_most=3)
    yield Claim("A death folded among 10,000, over one among 1,000", "deaths_bench",
                lambda rows: rows["deaths/10000"].real_ns / rows["deaths/1000"].real_ns, "x",
                at_most=2)
    yield Claim("Leaving the tally among 50,000 segments, over leaving it among 1,000",
                "deaths_bench",
                lambda rows: rows["detaches/50000"].real_ns / rows["detaches/1000"].real_ns, "x",
                at_most=4)
    yield Claim("Agent at rest, 100 living segments, no scrape, share of a CPU", "agent_cost",
                lambda rows: rows["agent_at_rest"].counters["cpu_percent"], " %", at_most=0.1)
    yield Claim("Agent memory after a scrape, over 20 MiB and 250 bytes a series", "agent_cost",
                _memory_share, "x", at_most=1)
    for linked, probe in (("shared library", "attach_probe"),
                          ("static library", "attach_probe_static")):
        yield Claim(f"Attaching, over the same program without ({linked}), median", "attach_bench",
                    _attach_us(probe), " us", at_most=200)


def all_claims(cpus):
    return [*_client_claims(cpus), *_agent_claims()]
