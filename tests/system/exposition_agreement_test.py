#!/usr/bin/python3
"""The live agent's /metrics: a parser of somebody else's accepts every format, the formats agree with each other,
requests get the families they ask for, and conflicting definitions of several processes are resolved.
Called by: ctest, as exposition_agreement_test.py NOTCHD SPOKEN_WORKER.
"""
import codecs
import gzip
import time
import unittest

import agent_test_case
import page_judges
import protobuf_page
import text_page

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROTOBUF_TYPE = ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
                 "encoding=delimited")
ACCEPTED = [
    ("", TEXT_TYPE),
    ("*/*", TEXT_TYPE),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT_TYPE),
    ("text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT_TYPE),
    ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPENMETRICS_TYPE),
    ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
     "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
     "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OPENMETRICS_TYPE + "; escaping=allow-utf-8"),
    ("application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.2",
     OPENMETRICS_TYPE + "; escaping=underscores"),
    (PROTOBUF + ",application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1", PROTOBUF_TYPE),
    (PROTOBUF + ";q=0.7,text/plain;version=0.0.4;q=0.3", PROTOBUF_TYPE),
]

# Every byte there is, and texts that have broken parsers; as the page has to show them.
AWKWARD = {name: value if isinstance(value, bytes) else value.encode() for name, value in {
    "quote": 'say "hi"', "backslash": "C:\\temp\\new", "newline": "one\ntwo", "ends_in_backslash": "x\\",
    "backslash_n": "\\n", "return": "a\r\nb", "braces": '{a="b"} 1', "comma": 'x",y="z', "hash": "# EOF",
    "blank": " ", "tab": "\t", "separator": "a\u2028b\u0085c", "astral": "\U0001f980", "bom": "\ufeffx",
    "low": bytes(range(1, 32)), "high": bytes(range(127, 256)), "ascii": bytes(range(32, 127)),
    "zero": b"a\0b", "cut": b"ab\xe2\x82", "surrogate": b"\xed\xa0\x80", "overlong": b"\xc0\xaf",
}.items()}

codecs.register_error("each-byte-replaced", lambda error: ("\ufffd" * (error.end - error.start), error.end))


class Live(agent_test_case.AgentTestCase):
    def setUp(self):
        super().setUp()
        self.agent.start_and_wait()

    def count_all_kinds(self):
        worker = self.worker()
        for kind, name in (("counter", "agree_jobs_total"), ("float_counter", "agree_idle_seconds_total"),
                           ("gauge", "agree_level"), ("histogram", "agree_size_bytes"),
                           ("native_histogram", "agree_wait_seconds")):
            for value in (0.1, 2, 3e9):
                self.assertEqual(worker.say(kind, name, value, {"route": f"/{value}"}), "ok")
        return worker

    def body(self, accept):
        return self.agent.get("/metrics?collect[]=segments", Accept=accept).body


class Formats(Live):
    def test_every_format_satisfies_its_judge(self):
        self.count_all_kinds()
        families = self.assert_pages_sound()
        self.assertEqual({name: family.type for name, family in families.items() if name.startswith("agree_")},
                         {"agree_jobs": "counter", "agree_idle_seconds": "counter", "agree_level": "gauge",
                          "agree_size_bytes": "histogram", "agree_wait_seconds": "histogram"})
        for name in ("notch_agent_build_info", "notch_agent_folds", "process_open_fds"):
            self.assertIn(name, families)

    def test_text_and_openmetrics_agree_on_every_number(self):
        self.count_all_kinds()
        text = page_judges.samples(page_judges.text(self.body("text/plain")))
        openmetrics = page_judges.samples(page_judges.openmetrics(self.body(agent_test_case.OPENMETRICS)))
        self.assertEqual(text, openmetrics)
        self.assertEqual(text["agree_level", frozenset({("service", "shop"), ("route", "/3000000000.0")})], 3e9)

    def test_label_values_with_awkward_bytes_arrive(self):
        worker = self.worker()
        for name, value in AWKWARD.items():
            self.assertEqual(worker.say("counter", "awkward_total", 1, {"case": name, "value": value}), "ok")
        expected = {name: value.decode("utf-8", "each-byte-replaced") for name, value in AWKWARD.items()}
        for families in (self.assert_pages_sound(), page_judges.text(self.agent.get().body)):
            shown = {sample.labels["case"]: sample.labels["value"] for sample in families["awkward"].samples}
            self.assertEqual(shown, expected)

    def test_a_label_value_too_long_goes_to_the_overflow_row(self):
        worker = self.worker()
        worker.say("counter", "awkward_total", 1, {"value": "x" * 1024})
        worker.say("counter", "awkward_total", 1, {"value": "x" * 1025})
        shown = [sample.labels for sample in self.assert_pages_sound()["awkward"].samples]
        self.assertCountEqual(shown, [{"service": "shop", "value": "x" * 1024},
                                      {"service": "shop", "overflow": "true"}])

    def test_service_names_with_awkward_bytes_arrive(self):
        for name in ("quote", "backslash", "separator", "braces"):
            worker = self.worker(AWKWARD[name].decode())
            worker.say("counter", "awkward_total")
        shown = {sample.labels["service"] for sample in self.assert_pages_sound()["awkward"].samples}
        self.assertEqual(shown, {AWKWARD[name].decode() for name in
                                 ("quote", "backslash", "separator", "braces")})


class Exemplars(Live):
    # Kind, metric, value; each leaves an exemplar with ids of its own. The second of the first two replaces the first.
    LEFT = [("counter", "traced_jobs_total", 5), ("counter", "traced_jobs_total", 3),
            ("histogram", "traced_size_bytes", 0.75), ("histogram", "traced_size_bytes", 9.5),
            ("native_histogram", "traced_wait_seconds", 0.3), ("native_histogram", "traced_wait_seconds", 70.0)]
    CLOCK_S = 0.02  # the exemplar's clock is coarse, by a tick of the kernel

    def setUp(self):
        super().setUp()
        worker, self.wanted = self.worker(), {}
        self.begun_s = time.time() - self.CLOCK_S
        for number, (kind, name, value) in enumerate(self.LEFT, 1):
            trace_id, span_id = f"{number:02x}" * 16, f"{0xf0 + number:02x}" * 8
            self.assertEqual(worker.say(kind, name, value, exemplar=trace_id + span_id), "ok")
            time.sleep(self.CLOCK_S)  # of one tick's the first would stay
            # A counter has one exemplar, its last; the values of one histogram are in different buckets.
            at = (name, None if kind == "counter" else value)
            self.wanted[at] = ({"trace_id": trace_id, "span_id": span_id}, value)
        worker.say("gauge", "traced_level", 1)
        self.ended_s = time.time()

    def assert_put_by_the_worker(self, found):
        """`found`: {(metric, value in its bucket or None): (labels, value, time in s)}."""
        self.assertEqual({at: exemplar[:2] for at, exemplar in found.items()}, self.wanted)
        for labels, value, time_s in found.values():
            self.assertTrue(self.begun_s <= time_s <= self.ended_s, (labels, value, time_s))

    def test_openmetrics_shows_them_where_they_belong(self):
        found, below = {}, {}
        for family in page_judges.openmetrics(self.body(agent_test_case.OPENMETRICS)).values():
            for sample in family.samples:
                bound = float(sample.labels.get("le", "nan"))
                least, below[family.name] = below.get(family.name, 0), bound
                if sample.exemplar is None:
                    continue
                labels, value, moment = sample.exemplar
                in_bucket = sample.name.endswith("_bucket")
                if in_bucket:
                    self.assertTrue(least < value <= bound, (sample, least))
                at = (sample.name.removesuffix("_bucket"), value if in_bucket else None)
                self.assertNotIn(at, found)
                found[at] = (labels, value, float(moment))
        self.assert_put_by_the_worker(found)

    def test_protobuf_has_the_same(self):
        found = {}
        for name, family in protobuf_page.families(self.body(PROTOBUF)).items():
            (metric,) = family.metric
            messages = [*metric.histogram.exemplars] + [
                bucket.exemplar for bucket in metric.histogram.bucket if bucket.HasField("exemplar")]
            for message in messages or [metric.counter.exemplar] * metric.counter.HasField("exemplar"):
                labels, value, seconds, nanoseconds = protobuf_page.exemplar_of(message)
                exemplar = (labels, value, seconds + nanoseconds / 1e9)
                at = (name, value if messages else None)
                # A native histogram may show one in its list and in the bucket of the classic view.
                self.assertEqual(found.setdefault(at, exemplar), exemplar)
        self.assert_put_by_the_worker(found)

    def test_the_text_format_has_none(self):
        self.assertIn(b"traced_jobs_total", self.body("text/plain"))
        self.assertNotIn(b"trace_id", self.body("text/plain"))


class Requests(Live):
    def test_every_group_of_accept_headers_gets_its_content_type(self):
        for accept, content_type in ACCEPTED:
            with self.subTest(accept):
                answer = self.agent.get(**({"Accept": accept} if accept else {}))
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, content_type))
                self.assertEqual(answer.headers["Vary"], "Accept, Accept-Encoding")
                self.assertEqual(answer.body.endswith(b"# EOF\n"), content_type.startswith(OPENMETRICS_TYPE))

    def test_gzip_is_the_same_page(self):
        self.count_all_kinds()
        path = "/metrics?collect[]=segments"
        packed = self.agent.get(path, Accept_Encoding="gzip")
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        plain = self.agent.get(path, Accept_Encoding="identity")
        self.assertIsNone(plain.headers["Content-Encoding"])
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        self.assertGreater(len(plain.body), 1000)

    def names(self, query):
        return {name for name, _ in self.agent.samples(path="/metrics?" + query)}

    def test_names_and_collectors_can_be_chosen(self):
        self.count_all_kinds()
        self.assertEqual(self.names("name[]=agree_jobs_total"), {"agree_jobs_total"})
        self.assertEqual(self.names("name[]=agree_level&name[]=agree_size_bytes"),
                         {"agree_level", *(f"agree_size_bytes_{part}" for part in ("bucket", "count", "sum"))})
        self.assertEqual(self.names("name[]=nobody"), set())
        self.assertEqual({name.split("_")[0] for name in self.names("collect[]=segments")}, {"agree"})
        self.assertEqual({name.split("_")[0] for name in self.names("collect[]=agent")}, {"notch", "process"})
        without = {name.split("_")[0] for name in self.names("exclude[]=segments&exclude[]=host&exclude[]=ebpf&exclude[]=cgroups")}
        self.assertEqual(without, {"notch", "process"})

    def test_an_unknown_collector_is_refused_by_name(self):
        for query in ("collect[]=nothing", "exclude[]=nothing"):
            answer = self.agent.get("/metrics?" + query)
            self.assertEqual(answer.status, 400)
            self.assertTrue(answer.body.startswith(b"no such collector: nothing; there are: segments "), answer.body)
            for name in (b" agent ", b" host ", b" cpu "):
                self.assertIn(name, answer.body)
        answer = self.agent.get("/metrics?collect[]=agent&exclude[]=host")
        self.assertEqual(answer.status, 400)
        self.assertIn(b"cannot be used together", answer.body)


class Conflicts(Live):
    def conflicts(self):
        return {labels: value for (name, labels), value in
                self.agent.samples("notch_agent_conflicts_total").items() if value}

    def test_another_type_is_left_out_and_counted(self):
        first, second = self.worker(), self.worker()
        self.assertEqual(first.say("gauge", "clash_level", 7), "ok")
        self.assertEqual(self.agent.samples("clash_")[("clash_level", 'service="shop"')], 7)
        self.assertEqual(second.say("native_histogram", "clash_level", 1), "ok")
        self.await_sample(1, "notch_agent_conflicts_total", 'reason="type"')
        self.assertEqual(self.assert_pages_sound()["clash_level"].type, "gauge")
        self.assertEqual(self.agent.samples("clash_"), {("clash_level", 'service="shop"'): 7})

    def test_other_bounds_are_left_out_and_counted(self):
        first, second = self.worker(), self.worker()
        first.say("histogram", "clash_size_bytes")
        self.agent.scrape()
        second.say("other_histogram", "clash_size_bytes")
        self.await_sample(1, "notch_agent_conflicts_total", 'reason="bounds"')
        self.assert_pages_sound()
        self.assertEqual(text_page.total(self.agent.samples(), "clash_size_bytes_count"), 1)

    def test_other_help_is_merged_under_the_first_and_counted(self):
        first, second = self.worker(), self.worker()
        first.say("counter", "clash_jobs_total", 3, help_text="First words.")
        self.agent.scrape()
        second.say("counter", "clash_jobs_total", 4, help_text="Other words.")
        self.await_sample(7, "clash_jobs_total", 'service="shop"')
        self.assertEqual(self.conflicts(), {'reason="help"': 1})
        self.assertEqual(self.assert_pages_sound()["clash_jobs"].documentation, "First words.")

    def test_a_suffix_that_clashes_leaves_one_family_out(self):
        worker = self.worker()
        self.assertEqual(worker.say("histogram", "clash_size_bytes", 1), "ok")
        other = self.worker()
        other.say("counter", "clash_size_bytes_total", 1)
        families = self.assert_pages_sound()
        self.assertEqual(families["clash_size_bytes"].type, "histogram")
        self.assertNotIn(("clash_size_bytes_total", 'service="shop"'), self.agent.samples("clash_"))
        self.assertEqual(self.conflicts(), {'reason="sample_name"': 1})

    def test_no_program_takes_the_agents_own_names(self):
        worker = self.worker()
        self.assertEqual(worker.say("gauge", "process_open_fds", -1), "ok")
        self.assertNotEqual(worker.say("gauge", "notch_agent_rows", -1), "ok")
        self.assert_pages_sound()
        own = self.agent.samples("process_open_fds")
        self.assertEqual(list(own), [("process_open_fds", "")])
        self.assertGreater(own["process_open_fds", ""], 0)
        self.assertEqual(self.conflicts(), {'reason="reserved_name"': 1})


if __name__ == "__main__":
    unittest.main()
