"""What Notch claims of its speed and size, each as a figure over rows of the benchmarks' JSON.
Called by: results. A claim names rows; no number of a run stands here.
"""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Claim:
    """`figure(rows)` is to be at most, or at least, `bound`. Rows are medians by name.

    `cause(programs)` says why it is missed where it is, in figures of the same run: rows by
    program and name. Empty if they do not tell.
    """

    text: str
    program: str
    figure: Callable
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    cause: Callable = lambda programs: ""
    needs: str = ""  # what the program's rows take that not every machine has

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


def _parts_of_an_add(programs, faster_than=None):
    """What of an add is the restartable section's, whatever is done inside."""
    parts = programs.get("add_ablation_bench", {})
    if "section" not in parts:
        return ""
    ns = {name: row.cpu_ns for name, row in parts.items()}
    if faster_than is not None:
        return (f"a restartable section around a plain increment costs {ns['section']:.3g} ns, with "
                f"the check of cpu_id and the column's look-up "
                f"{ns['section_cpu_id_and_column']:.3g} ns; {faster_than.cpu_ns:.3g} ns of the peer "
                f"are {faster_than.cpu_ns / ns['section']:.3g}x and "
                f"{faster_than.cpu_ns / ns['section_cpu_id_and_column']:.3g}x of that")
    plain = ns["plain_increment"]
    return (f"a restartable section around the same increment, and nothing else, costs "
            f"{ns['section'] / plain:.3g}x of it; with the check of cpu_id "
            f"{ns['section_and_cpu_id'] / plain:.3g}x, and with the column's look-up too "
            f"{ns['section_cpu_id_and_column'] / plain:.3g}x (add_ablation_bench says why each "
            f"part is needed)")


def _sum_limit(program, peer):
    def cause(programs):
        rows = programs[program]
        limit = rows["plain_sum_one/threads:1"].cpu_ns
        return (f"adding to one private double, and nothing else, costs {limit:.3g} ns, and would be "
                f"{rows[peer].cpu_ns / limit:.3g}x faster")
    return cause


def _attach_us(probe):
    return lambda rows: (rows[probe].real_ns - rows["attach_probe_without"].real_ns) / 1e3


def _memory_share(rows):
    row = rows["agent_memory"].counters
    return row["anonymous_bytes"] / (20 * 2**20 + 250 * row["series"])


def _host_page(programs):
    ours, theirs = (programs["host_cost"][name] for name in ("notch_host_page", "node_exporter_page"))
    return (f"{ours.cpu_ns / 1e6:.3g} ms for {ours.counters['rows']:.0f} rows, against {theirs.cpu_ns / 1e6:.3g} ms for "
            f"{theirs.counters['rows']:.0f}")


def _added_ns(call):
    return lambda rows: rows[f"{call}/counted"].cpu_ns - rows[f"{call}/bare"].cpu_ns


def _part_passed_on(programs, call, unit, time_of, words):
    """What of it a library takes that counts nothing. A part that is more than the whole is noise, and is told as such."""
    bare, passive, counted = (time_of(programs["preload_call_bench"][f"{call}/{mode}"])
                              for mode in ("bare", "passive", "counted"))
    if not bare <= passive <= counted:
        return (f"the medians cannot be taken apart: {bare:.3g} {unit} bare, {passive:.3g} {unit} with a library that only "
                f"passes the calls on, {counted:.3g} {unit} with one that counts")
    return f"{passive - bare:.2g} of the {counted - bare:.3g} {unit} are {words}"


def _way_through(call):
    """What of it is the way through the library, before anything is counted."""
    return lambda programs: _part_passed_on(
        programs, call, "ns", lambda row: row.cpu_ns,
        "the way through a library that only passes the calls on; the rest is what is counted")


def _inside_tls(programs):
    return (f"{_way_through('tls_http')(programs)}. Both ends of the exchange are in this one process and are followed; by "
            f"profile half of the library's own time is reading the heads, an eighth the allocations that OpenSSL makes, a tenth "
            f"the clock")


def _birth(programs):
    return _part_passed_on(
        programs, "start", "us", lambda row: row.real_ns / 1e3,
        "for mapping and binding a library that only passes calls on; by profile the rest is half the kernel's (a file with "
        "memory and a name, what /proc says of the process, 27 page faults) and half the definition of 124 label sets, some "
        "1,800 instructions each")


def _preload_claims():
    for text, call, bound in (("malloc and free", "malloc_free", 4),
                              ("a free mutex locked and unlocked, one thread", "lock_unlock", 4),
                              ("a free mutex locked and unlocked, two threads",
                               "lock_unlock_with_a_thread", 4),
                              ("read of 1 byte of /dev/zero", "read", 12),
                              ("write of 1 byte to /dev/null", "write", 12),
                              ("SSL_write and SSL_read of 16 bytes that are no HTTP", "tls_message", 24)):
        yield Claim(f"Preloaded library, {text}, over the same bare", "preload_call_bench",
                    _added_ns(call), " ns", at_most=bound, cause=_way_through(call))
    yield Claim("Preloaded library, a request and its answer inside TLS, over the same bare", "preload_call_bench",
                lambda rows: 100 * (rows["tls_http/counted"].cpu_ns / rows["tls_http/bare"].cpu_ns - 1), " %",
                at_most=10, cause=_inside_tls)
    yield Claim("Preloaded library, start and end of /bin/true, over the same bare, median",
                "preload_call_bench",
                lambda rows: (rows["start/counted"].real_ns - rows["start/bare"].real_ns) / 1e3,
                " us", at_most=300, cause=_birth)


# Programs, and the share of their work that the library may take, in percent: less where a request is more than a
# handful of tiny calls.
_PROGRAMS = (("redis_set", "redis-server, SET", 2), ("redis_get", "redis-server, GET", 2),
             ("redis_set_pipelined", "redis-server, SET by 16", 1),
             ("redis_get_pipelined", "redis-server, GET by 16", 1),
             ("nginx_small", "nginx, 120 bytes", 2), ("nginx_sendfile", "nginx, 256 KiB by sendfile", 1),
             ("sqlite_insert", "sqlite3, rows inserted", 1), ("compile", "g++, a file compiled", 1))


# What the library's own samples of a program are, by function.
_BY_FUNCTION = {
    "nginx_small": "; by profile two fifths of the share are reading the two heads, the rest is spread over all wrappers, "
                   "none above a tenth",
    "nginx_sendfile": "; by profile it is spread, the finished exchange's figures and sendfile's wrapper first, each an eighth",
    "sqlite_insert": "; by profile the share is malloc, free, the mutex that SQLite takes around each, and realloc, and "
                     "nothing else"}


def _percent_more(program, over_bare):
    return lambda rows: 100 * (rows[f"{program}/counted"].counters[over_bare] - 1)


def _wrapped_calls(program, over_bare):
    """What the wrapped calls of one request add up to, by their own rows of the same run."""
    def cause(programs):
        rows = programs["preload_program_bench"]
        bare, made = rows[f"{program}/bare"], rows[f"{program}/counted"].counters
        passive_percent = 100 * (rows[f"{program}/passive"].counters[over_bare] - 1)
        text = (f"a library that only passes the calls on takes {passive_percent:.2g} %; the {bare.repetitions} bare turns "
                f"spread by {bare.spread:.0%} of their CPU time{_BY_FUNCTION.get(program, '')}")
        calls = programs.get("preload_call_bench", {})
        if "read/bare" not in calls:
            return text
        by_calls_ns = (made["reads"] * _added_ns("read")(calls) +
                       (made["writes"] + made["messages"]) * _added_ns("write")(calls) +
                       made["allocations"] * _added_ns("malloc_free")(calls))
        return (f"{text}; one makes {made['reads']:.3g} reads, {made['writes']:.3g} writes, {made['messages']:.3g} sends "
                f"and receives and {made['allocations']:.4g} allocations, which by the rows of preload_call_bench add "
                f"{by_calls_ns:.3g} ns, {100 * by_calls_ns / bare.cpu_ns:.2g} % of the {bare.cpu_ns:.4g} ns it takes")
    return cause


def _program_claims():
    for program, words, bound in _PROGRAMS:
        yield Claim(f"Preloaded library, {words}: its share of the CPU time, by samples", "preload_program_bench",
                    lambda rows, row=f"{program}/counted": rows[row].counters["library_percent"], " %",
                    at_most=bound, cause=_wrapped_calls(program, "cpu_over_bare"))
        for over_bare, figure in (("cpu_over_bare", "CPU time each"), ("time_over_bare", "throughput, as time each")):
            yield Claim(f"Preloaded library, {words}: {figure}, over the same bare", "preload_program_bench",
                        _percent_more(program, over_bare), " %", at_most=bound,
                        cause=_wrapped_calls(program, over_bare))


def _client_claims(cpus):
    every = f"threads:{cpus}"
    one = "threads:1"
    many = f"{cpus} threads"
    for linked, suffix in (("shared library", ""), ("static library", "_static")):
        def claim(text, program, figure, **rest):
            return Claim(f"{text} ({linked})", program + suffix, figure, "x", **rest)

        histograms = "histogram_observe_bench"
        peer_add = f"prometheus_cpp_increment_one/{one}"

        yield claim("Counter add, 1 thread, over a plain increment", "counter_add_bench",
                    cost_over(f"notch_add_one/{one}", f"plain_increment_one/{one}"), at_most=2.0,
                    cause=_parts_of_an_add)
        yield claim("Counter add, 1 thread, faster than prometheus-cpp", "counter_add_bench",
                    times_faster(f"notch_add_one/{one}", peer_add), at_least=6,
                    cause=lambda programs, rows=f"counter_add_bench{suffix}":
                    _parts_of_an_add(programs, programs[rows][peer_add]))
        yield claim(f"Counter add, {many} on one counter, over 1 thread", "counter_add_bench",
                    cost_over(f"notch_add_one/{every}", f"notch_add_one/{one}"), at_most=1.3)
        yield claim(f"Counter add, {many} on one counter, faster than prometheus-cpp",
                    "counter_add_bench",
                    times_faster(f"notch_add_one/{every}", f"prometheus_cpp_increment_one/{every}"),
                    at_least=12)
        for threads, words, bound in ((one, "1 thread", 6), (every, many, 10)):
            peer = f"prometheus_cpp_observe_one/{threads}"
            yield claim(f"Classic histogram observe, {words}, faster than prometheus-cpp", histograms,
                        times_faster(f"notch_classic_observe_one/{threads}", peer), at_least=bound,
                        cause=_sum_limit(histograms + suffix, peer))
        peer = f"prometheus_cpp_observe_one/{one}"
        yield claim("Native histogram observe, faster than prometheus-cpp's classic", histograms,
                    times_faster(f"notch_native_observe_one/{one}", peer), at_least=6,
                    cause=_sum_limit(histograms + suffix, peer))
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
    yield Claim("A sweep in which one of 1,000 segments died, over a gather of them", "deaths_bench",
                lambda rows: rows["one_death/sweep/1000"].real_ns / rows["one_death/gather/1000"].real_ns, "x",
                at_most=3)
    yield Claim("Leaving the tally among 50,000 segments, over leaving it among 1,000",
                "deaths_bench",
                lambda rows: rows["detaches/50000"].real_ns / rows["detaches/1000"].real_ns, "x",
                at_most=4)
    yield Claim("Agent at rest, 100 living segments, no scrape, share of a CPU", "agent_cost",
                lambda rows: rows["agent_at_rest"].counters["cpu_percent"], " %", at_most=0.1)
    yield Claim("Agent memory after a scrape, over 20 MiB and 250 bytes a series", "agent_cost",
                _memory_share, "x", at_most=1)
    yield Claim("A page of the host's figures, CPU time over node_exporter's", "host_cost",
                cost_over("notch_host_page", "node_exporter_page"), "x", at_most=0.2, cause=_host_page)
    yield Claim("Memory for it (RSS), over node_exporter's", "host_cost",
                lambda rows: (rows["notch_host_page"].counters["resident_bytes"] /
                              rows["node_exporter_page"].counters["resident_bytes"]), "x", at_most=1)
    for linked, probe in (("shared library", "attach_probe"),
                          ("static library", "attach_probe_static")):
        yield Claim(f"Attaching, over the same program without ({linked}), median", "attach_bench",
                    _attach_us(probe), " us", at_most=200)


def _lost_percent(row):
    return lambda rows: rows[row].counters["lost_percent"]


def _lost_ns(rows, way, mode):
    return rows[f"{way}_round_trip/bare"].real_ns * rows[f"{way}_round_trip/{mode}"].counters["lost_percent"] / 100


def _spread_of_turns(way):
    """What the turns allow to be said, and what the loss is made of."""
    def cause(programs):
        rows = programs["ebpf_bench"]
        counters = rows[f"{way}_round_trip/probed"].counters
        switch = rows["program/runqueue.sched_switch"].real_ns
        return (f"half of the turns lie between {counters['lost_percent_quarter']:.2g} and "
                f"{counters['lost_percent_three_quarters']:.2g} %; the median is "
                f"{_lost_ns(rows, way, 'probed'):.3g} of {rows[f'{way}_round_trip/bare'].real_ns:.4g} ns, in which "
                f"two switches are seen ({switch:.3g} ns each with their measurement), and over TCP two sends, two "
                f"receives and two soft interrupts too; three hooks and a map lose "
                f"{_lost_ns(rows, way, 'three_hooks'):.3g} ns for run queues alone")
    return cause


def _ebpf_claims():
    for text, way, bound in (("TCP request and response on loopback, one processor", "tcp", 2),
                             ("A byte through a pipe and back, one processor", "pipe", 10)):
        yield Claim(f"{text}, with all probes of the kernel, more processor time than without", "ebpf_bench",
                    _lost_percent(f"{way}_round_trip/probed"), " %", at_most=bound, cause=_spread_of_turns(way),
                    needs="root and libbpf")
    yield Claim("A byte through a pipe and back: what all probes cost, over the usual three hooks for run queues alone",
                "ebpf_bench", lambda rows: _lost_ns(rows, "pipe", "probed") / _lost_ns(rows, "pipe", "three_hooks"), "x",
                at_most=1, cause=_spread_of_turns("pipe"), needs="root and libbpf")


def all_claims(cpus):
    return [*_client_claims(cpus), *_agent_claims(), *_ebpf_claims(), *_preload_claims(), *_program_claims()]
