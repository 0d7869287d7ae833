#!/usr/bin/python3
"""One violation of each kind in a tree of its own: the check must name it. Called by: ctest."""

import os
import sys
import tempfile
import unittest

import code_text
import includes
import layers_check

HEAD = "// What it is. Called by: who needs it.\n"


class Tree(unittest.TestCase):
    """A source tree that lives for one test."""

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)

    def write(self, path, text):
        whole = os.path.join(self._folder.name, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as file:
            file.write(text)

    def found(self):
        """The violations as "path:line", and all their words."""
        _, found = layers_check.check(self._folder.name)
        return [f"{path}:{line}" for path, line, _ in found], " ".join(what for *_, what in found)

    def expect(self, places, words, path, text):
        self.write(path, text)
        got, said = self.found()
        self.assertEqual(got, places)
        self.assertIn(words, said)

    def expect_clean(self, path, text):
        self.write(path, text)
        self.assertEqual(self.found(), ([], ""))


class Includes(Tree):
    def refuse(self, path, header):
        quoted = header if header[0] == "<" else f'"{header}"'
        self.expect([f"{path}:2"], header.strip("<>"), path, f"{HEAD}#include {quoted}\n")

    def allow(self, path, header):
        quoted = header if header[0] == "<" else f'"{header}"'
        self.expect_clean(path, f"{HEAD}#include {quoted}\n")

    def test_shm_knows_no_client(self):
        self.refuse("shm/a.h", "client/a.h")

    def test_shm_knows_no_library_but_interprocess(self):
        self.refuse("shm/a.cc", "<boost/asio.hpp>")
        self.allow("shm/a.cc", "<boost/interprocess/mapped_region.hpp>")

    def test_shm_knows_libc(self):
        self.allow("shm/a.cc", "<sys/mman.h>")

    def test_shm_knows_no_slashless_library(self):
        self.refuse("shm/a.cc", "<libdeflate.h>")

    def test_client_knows_no_agent(self):
        self.refuse("client/a.cc", "agent/a.h")

    def test_client_knows_shm(self):
        self.allow("client/a.cc", "shm/layout.h")

    def test_client_unit_knows_those_below_it(self):
        self.allow("client/catalogue.cc", "client/segment_room.h")
        self.refuse("client/catalogue.cc", "client/process.h")

    def test_client_unit_knows_none_beside_it(self):
        self.refuse("client/columns.h", "client/inherited_segment.h")

    def test_client_unit_without_a_row(self):
        self.refuse("client/extra.cc", "client/capacity.h")

    def test_client_knows_no_preload(self):
        self.refuse("client/a.cc", "client/preload/a.h")
        self.allow("client/a.cc", "client/a.h")

    def test_http_values_know_nothing_of_the_library(self):
        self.refuse("client/preload/http/a.cc", "client/preload/core.h")
        self.allow("client/preload/http/a.cc", "client/preload/http/b.h")

    def test_the_library_without_tls_knows_no_tls(self):
        self.refuse("client/preload/a.cc", "client/preload/tls/a.h")
        self.allow("client/preload/a.cc", "client/preload/b.h")

    def test_tls_knows_the_library(self):
        self.allow("client/preload/tls/a.cc", "client/preload/b.h")
        self.refuse("client/preload/tls/a.cc", "agent/a.h")

    def test_public_header_knows_no_shm(self):
        self.refuse("client/include/notch/a.h", "shm/layout.h")

    def test_public_header_knows_no_system_folder(self):
        self.refuse("client/include/notch/a.h", "<linux/rseq.h>")

    def test_public_headers_know_each_other(self):
        self.allow("client/include/notch/a.h", "notch/b.h")

    def test_example_knows_no_shm(self):
        self.refuse("client/examples/a.cc", "shm/layout.h")

    def test_agent_knows_no_client(self):
        self.refuse("agent/a.cc", "client/registry.h")

    def test_agent_knows_no_public_header(self):
        self.refuse("agent/a.cc", "<notch/counter.h>")

    def test_agent_knows_no_writer(self):
        self.refuse("agent/a.cc", "shm/segment_file.h")
        self.refuse("agent/a.cc", "shm/reservation.h")

    def test_the_list_of_the_writer_s_names_files(self):
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        for header in includes.WRITER:
            self.assertTrue(os.path.isfile(os.path.join(root, header)), header)

    def test_agent_knows_the_reader_and_the_loaders(self):
        self.allow("agent/a.cc", "shm/segment_reader.h")
        self.allow("agent/a.cc", "ebpf/run_queue_probe.h")

    def test_agent_knows_no_skeleton(self):
        self.refuse("agent/a.cc", "ebpf/run_queue.skel.h")

    def test_agent_folder_knows_none_above_it(self):
        self.refuse("agent/segments/a.h", "agent/tally/tally.h")
        self.allow("agent/segments/a.h", "agent/files/file_descriptor.h")

    def test_agent_folder_knows_none_beside_it(self):
        self.refuse("agent/host/a.cc", "agent/kernel/kernel_snapshot.h")
        self.allow("agent/host/a.cc", "agent/host/b.h")

    def test_agent_folder_knows_no_wiring(self):
        self.allow("agent/daemon.cc", "agent/http/http_server.h")
        self.refuse("agent/http/a.cc", "agent/options.h")

    def test_one_agent_folder_knows_the_loaders(self):
        self.allow("agent/kernel/a.cc", "ebpf/probes.h")
        self.refuse("agent/host/a.cc", "ebpf/probes.h")

    def test_agent_folder_without_a_row(self):
        self.refuse("agent/extra/a.cc", "agent/files/file_descriptor.h")

    def test_agent_folders_stand_on_those_above_in_the_table(self):
        names = list(includes.AGENT_FOLDERS)
        for row, may in enumerate(includes.AGENT_FOLDERS.values()):
            self.assertLessEqual(set(may.split()) - {"ebpf"}, set(names[:row]), names[row])

    def test_ebpf_loader_knows_no_shm(self):
        self.refuse("ebpf/a_probe.cc", "shm/layout.h")

    def test_kernel_program_knows_no_libc(self):
        self.refuse("ebpf/a.bpf.c", "<stdio.h>")

    def test_nothing_knows_tests(self):
        self.refuse("agent/a.cc", "tests/fake_clock.h")

    def test_nothing_knows_bench(self):
        self.refuse("shm/a.cc", "bench/bench_harness.h")

    def test_tests_know_everything(self):
        self.allow("tests/agent/a_test.cc", "client/registry.h")

    def test_no_step_upwards(self):
        self.refuse("agent/a.cc", "agent/../agent/b.h")

    def test_no_source_outside_the_folders(self):
        self.refuse("extra/a.cc", "<vector>")


class HouseRules(Tree):
    def test_memory_order(self):
        self.expect(["agent/a.cc:2"], "memory_order_relaxed", "agent/a.cc",
                    HEAD + "int f() { return x.load(std::memory_order_relaxed); }\n")

    def test_memory_order_by_its_enum(self):
        self.expect(["agent/a.cc:2"], "memory_order::relaxed", "agent/a.cc",
                    HEAD + "auto o = std::memory_order::relaxed;\n")

    def test_memory_order_by_the_compiler(self):
        self.expect(["client/a.c:2"], "__ATOMIC_RELAXED", "client/a.c",
                    HEAD + "int f(void) { return __atomic_load_n(&x, __ATOMIC_RELAXED); }\n")

    def test_memory_order_at_home_and_in_words(self):
        self.expect_clean("shm/memory_order.h", HEAD + "auto o = std::memory_order_relaxed;\n")
        self.expect_clean("agent/b.cc", HEAD + "// not std::memory_order_relaxed\n")

    def test_file_length(self):
        self.expect(["shm/a.h:601"], "601 lines", "shm/a.h", HEAD + "\n" * 600)
        self.expect_clean("shm/a.h", HEAD + "\n" * 599)

    def test_prose_width(self):
        self.expect(["shm/A.md:2"], "141 columns", "shm/A.md", "x" * 140 + "\n" + "| " + "x" * 139 + "\n")
        self.expect(["shm/A.md:2"], "141 columns", "bench/RESULTS.md", "x" * 200 + "\n")

    def test_named_callers(self):
        self.write("agent/b.h", HEAD)
        self.write("agent/b.cc", '// What else.\n#include "agent/b.h"\n')
        self.write("client/include/notch/c.h", "// A type.\n")
        self.expect(["agent/a.h:1"], "who uses this", "agent/a.h", "// What it is.\n#pragma once\n")
        self.expect(["agent/a.h:1", "shm/main.cc:1"], "who uses this", "shm/main.cc", "// What it is.\n")
        self.write("agent/a.h", "// What it is. Made by: a\n// factory.\n")
        self.expect_clean("shm/main.cc", "// What it is.\n// Called by: a person.\n")

    def test_function_length(self):
        self.expect(["shm/a.cc:2"], "f() has 71 lines", "shm/a.cc",
                    HEAD + "int f() {\n" + "  g();\n" * 69 + "}\n")
        self.expect_clean("shm/a.cc", HEAD + "int f() {\n" + "  g();\n" * 68 + "}\n")

    def test_function_length_in_python(self):
        self.expect(["tests/a.py:2"], "f() has 72 lines", "tests/a.py",
                    "# What it is.\ndef f():\n" + "    g()\n" * 71)

    def test_function_length_in_shell(self):
        self.expect(["tests/a.sh:2"], "f() has 72 lines", "tests/a.sh",
                    "# What it is.\nf() {\n" + "  g\n" * 70 + "}\n")

    def test_untelling_names(self):
        for name in ("string_util.h", "utils.h", "ledger_manager.h", "test_helpers.h"):
            self.write(f"agent/{name}", HEAD)
        self.assertEqual(len(self.found()[0]), 4)

    def test_globs(self):
        self.expect(["agent/CMakeLists.txt:2"], "files are listed", "agent/CMakeLists.txt",
                    "# What it is.\nfile(GLOB_RECURSE sources *.cc)\n")

    def test_foreign_words(self):
        self.expect(["deploy/a.md:1", "deploy/a.md:2", "deploy/a.md:3"], "speaks of itself",
                    "deploy/a.md", "see /wo" "rk/main\nsee ../sha" "red/x\nfrom deb.deb" "ian.org\n")

    def test_words_that_only_look_foreign(self):
        self.expect_clean("deploy/a.md", "path/work /worker ../shared_memory debian.org\n")

    def test_unfinished(self):
        self.expect(["agent/a.h:2"], "finish it", "agent/a.h", HEAD + "// TO" "DO: later\n")

    def test_scratch_folder(self):
        for path, text in (("tests/a.cc", 'auto p = "/dev/sh' 'm/x-XXXXXX";\n'),
                           ("tests/b.py", 'f = Folder(dir="/dev/sh' 'm")\n'),
                           ("bench/c.cc", "::mkdt" "emp(path);\n")):
            self.write(path, ("#" if path.endswith("y") else "//") + " What it is.\n" + text)
        self.assertEqual(self.found()[0], ["bench/c.cc:2", "tests/a.cc:2", "tests/b.py:2"])

    def test_scratch_folder_at_home_and_in_words(self):
        self.expect_clean("tests/scratch_directory.h", HEAD + "::mkdt" "emp(path);\n")
        self.expect_clean("agent/a.cc", HEAD + 'auto p = "/dev/sh' 'm";\n')

    def test_unkeyed_tables(self):
        for path, text in (("agent/a.h", "#include <string>\nstd::unordered_map<std::string, int> a;\n"),
                           ("agent/b.h", "#include <string>\nstd::unordered_set<const std::string> b;\n"),
                           ("shm/c.h", "#include <string_view>\nauto c = std::hash<std::string_view>()(text);\n")):
            self.write(path, HEAD + text)
        self.assertEqual(self.found()[0], ["agent/a.h:3", "agent/b.h:3", "shm/c.h:3"])

    def test_keyed_tables_and_those_of_numbers(self):
        self.expect_clean("agent/files/keyed_hash.h", HEAD + "#include <string>\nstd::unordered_set<std::string, KeyedHash> b;\n")
        self.expect_clean("agent/a.h", HEAD + "#include <cstdint>\n#include <string>\nstd::unordered_map<std::uint32_t, std::string> a;\n")

    def test_head_comment(self):
        self.expect(["agent/a.h:1"], "what it is", "agent/a.h", "#pragma once\n")

    def test_head_comment_in_a_script(self):
        self.expect(["tests/run:2"], "what it is", "tests/run", "#!/usr/bin/env bash\nset -e\n")

    def test_body_of_a_header_needs_no_head(self):
        self.expect_clean("agent/a.cc", '#include "agent/a.h"\n')

    def test_empty_tree_is_no_success(self):
        self.assertEqual(layers_check.main([self._folder.name]), 2)


class OrderingTags(Tree):
    USER = HEAD + '#include "shm/memory_order.h"\n'
    DEFINED = "// [tag: a] Publishes the text; else a reader could find half of it.\n"

    def setUp(self):
        super().setUp()
        self.write("shm/memory_order.h", HEAD + """
inline void publish(T& word, T value) { store(value, std::memory_order_release); }
inline T observe(const T& word) { return load(std::memory_order_acquire); }
inline T read_alone(const T& word) { return load(std::memory_order_relaxed); }
inline bool exchange_if(T& word, T value) {
  return exchange(value, std::memory_order_acquire, std::memory_order_relaxed);
}
inline bool take_lock(T& word) { return exchange_if(word, 1); }
inline T swap_both(T& word, T value) { return exchange(value, std::memory_order_acq_rel); }
""")

    def expect_pair(self, release, acquire):
        self.write("shm/a.cc", self.USER + "void a() {\n" + release + "\n}\nvoid b() {\n" + acquire + "\n}\n")
        _, found = layers_check.check(self._folder.name)
        self.assertEqual([what for *_, what in found if "definition" not in what], [])

    def refuse_definition(self, line, words, text):
        self.expect([f"shm/a.cc:{line}"], words, "shm/a.cc",
                    self.USER + "void a() {\n" + text + "}\nint b() { return observe(w); }  // [tag: a]\n")

    def test_a_definition_at_one_release(self):
        self.expect_clean("shm/a.cc", self.USER + "void a() {\n" + self.DEFINED + "publish(w, 1);\npublish(w, 2);  // [tag: a]\n}\n"
                          "int b() { return observe(w); }  // [tag: a]\n")
        self.expect_clean("shm/a.cc", self.USER + "void a() {\n// Why.\n// [tag: a] Publishes the\n// text; else a reader could\n"
                          "// find half. More.\npublish(w, 1);\n}\nint b() { return observe(w); }  // [tag: a]\n")

    def test_a_tag_without_a_definition(self):
        self.refuse_definition(4, "no release with its definition", "publish(w, 1);  // [tag: a] Publishes it\n")
        self.refuse_definition(4, "no release with its definition", "// [tag: a] It is there before.\npublish(w, 1);\n")

    def test_a_definition_of_too_few_words(self):
        for words in ("Publishes the text.", "Publishes; else a reader could find half of it.", "Publishes the text; else it breaks."):
            with self.subTest(words):
                self.refuse_definition(4, "says what it publishes", f"// [tag: a] {words}\npublish(w, 1);\n")

    def test_two_definitions(self):
        self.refuse_definition(6, "another definition", (self.DEFINED + "publish(w, 1);\n") * 2)

    def test_a_definition_at_the_acquire(self):
        self.expect(["shm/a.cc:5"], "what is no release", "shm/a.cc", self.USER + "void a() { publish(w, 1); }  // [tag: a]\n"
                    "int b() {\n" + self.DEFINED + "return observe(w);\n}\n")

    def test_pairs(self):
        for release, acquire in (
                ("publish(w, 1);  // [tag: a]", "f(observe(w));  // [tag: a]"),
                ("shm::publish(w, 1);  // [tag: a]", "if (shm::take_lock(w)) {}  // [tag: a]"),
                ("// Why. [tag: a]\n// More.\npublish(\n    w, 1);",
                 "// [tag: a] Why.\nif (b &&\n    exchange_if(w, 1)) {}"),
                ("swap_both(w, 1);  // [tag: a]", "// A mention. [tag: a]\nint x;")):
            with self.subTest(release=release):
                self.expect_pair(release, acquire)

    def test_a_side_in_words(self):
        self.expect_pair("publish(w, 1);  // [tag: a]",
                         "// Acquire: by the address.\n// [tag: a]\nasm();")

    def test_a_release_alone(self):
        self.expect(["shm/a.cc:4"], "no acquire side", "shm/a.cc",
                    self.USER + "void f() {\n" + self.DEFINED + "publish(w, 1);\n}\n")

    def test_an_acquire_alone(self):
        self.expect(["shm/a.cc:3"], "no release side", "shm/a.cc",
                    self.USER + "void f() { take_lock(w); }  // [tag: a]\n")

    def test_sides_of_different_tags(self):
        self.expect(["shm/a.cc:4", "shm/a.cc:7"], "[tag: b] has no release side", "shm/a.cc",
                    self.USER + "void f() {\n" + self.DEFINED + "publish(w, 1);\n}\n"
                    "int g() { return observe(w); }  // [tag: b]\n")

    def test_operations_without_a_tag(self):
        self.expect(["agent/a.cc:3", "agent/a.cc:4", "agent/a.cc:5"], "take_lock() without",
                    "agent/a.cc", self.USER + "void f() { shm::publish(w, 1); }\n"
                    "int g() { return shm::observe(w); }\nvoid h() { shm::take_lock(w); }\n")

    def test_a_tag_of_the_statement_before_does_not_count(self):
        self.expect(["shm/a.cc:7"], "publish() without", "shm/a.cc",
                    self.USER + "void f() {\n  g(observe(v));  // [tag: a]\n"
                    + self.DEFINED + "  publish(v, 1);\n  publish(w, 1);\n}\n")

    def test_what_needs_no_tag(self):
        self.expect_clean("agent/a.cc", self.USER + "void f() { read_alone(w); }\n"
                          "void g() { histogram.observe(1); h->publish(2); }\n")
        self.expect_clean("agent/b.cc", HEAD + "void f() { publish(page); }\n")

    def test_a_torn_or_untidy_tag(self):
        self.expect(["shm/a.cc:3", "shm/a.cc:5"], "on one line", "shm/a.cc",
                    self.USER + "// [tag:\n// a]\n// [tag: A b]\n")

    def test_a_tag_that_only_a_test_has(self):
        self.expect(["tests/a.cc:3"], "no tag of the product", "tests/a.cc",
                    self.USER + "void f() { publish(w, 1); }  // [tag: a]\n")


class InvariantCodes(Tree):
    """Broken: a code of two files, a gap, a code of one letter; words that cite none; a code that none cites."""

    LIST = "tests/layers/uncited_invariants.txt"

    def setUp(self):
        super().setUp()
        self.write("agent/a.h", HEAD + "//   AX1  It holds.\n//   AX2  It holds, too.\n#pragma once\n")
        self.write("tests/agent/a_test.cc", HEAD + "// AX1 to AX2.\n")

    def test_cited_by_a_test_or_beside_the_code(self):
        self.assertEqual(self.found(), ([], ""))
        self.write("tests/agent/a_test.cc", HEAD + "// AX2.\n")
        self.expect_clean("agent/a.cc", '#include "agent/a.h"\nint a();  // AX1\n')

    def test_cited_by_none(self):
        self.expect(["agent/a.h:3"], "cites AX2", "tests/agent/a_test.cc", HEAD + '// AX1.\nconst char* a = "AX2";\n')

    def test_an_invariant_or_a_document_cites_none(self):
        self.write("agent/b.h", HEAD + "// As AX2 says.\n#pragma once\n")
        self.write("agent/b.md", "AX2\n")
        self.expect(["agent/a.h:3"], "cites AX2", "tests/agent/a_test.cc", HEAD + "// AX1.\n")

    def test_cited_by_none_and_listed(self):
        self.write("tests/agent/a_test.cc", HEAD + "// AX1.\n")
        self.expect_clean(self.LIST, "# AX1\nagent/a.h: AX2\n")

    def test_listed_but_cited_or_gone(self):
        self.expect([f"{self.LIST}:1", f"{self.LIST}:1"], "AX3: there is no such", self.LIST, "agent/a.h: AX2 AX3\n")

    def test_letters_of_two_files(self):
        self.expect(["agent/b.h:2"], "are agent/a.h's", "agent/b.h", HEAD + "//   AX1  Something else.\n#pragma once\n")

    def test_letters_of_a_script(self):
        self.expect(["tests/b.py:2"], "are agent/a.h's", "tests/b.py", '"""What it is.\n  AX1  Something else.\n"""\n')

    def test_one_letter(self):
        self.expect(["bench/b.h:2"], "2 to 4 letters", "bench/b.h", HEAD + "//   B1  It holds.\n#pragma once\n")

    def test_a_gap(self):
        self.expect(["bench/b.h:3"], "BX3 stands where BX2", "bench/b.h", HEAD + "//   BX1  A.\n//   BX3  B.\n#pragma once\n")

    def test_a_reference_to_none(self):
        for path, text in (("agent/a.cc", '#include "agent/a.h"\n// Kept (AX3).\n'), ("agent/b.md", "One\nand AX3.\n"),
                           ("tests/b.py", '"""What it is."""\na = 1  #' ' AX3\n'), ("bench/c.py", '"""What\nAX3 is."""\n')):
            self.write(path, text)
        self.assertEqual(self.found(), (["agent/a.cc:2", "agent/b.md:2", "bench/c.py:2", "tests/b.py:2"],
                                        " ".join(["AX3 is no invariant's code"] * 4)))

    def test_what_only_looks_like_a_code(self):
        self.write("agent/b.md", "RE2 and XXH3, v1, SHA256, kAX9, AX-7, AX_9, a/AX9\n")
        self.expect_clean("agent/a.cc", '#include "agent/a.h"\nconst char* a = "AX9";\nint AX8 = 0;\n')


class CallerNames(Tree):
    """Broken: a list of callers with one who does not include the header, be it a unit or a folder."""

    def test_those_who_include_it_by_unit_or_folder(self):
        self.write("agent/host/b.cc", HEAD + '#include "agent/host/a.h"\n')
        self.expect_clean("agent/host/a.h", "// What it is. Called by: b, host.\n#pragma once\n")
        self.expect_clean("agent/host/a.h", "// What it is. Called by: the loop, one thread.\n#pragma once\n")

    def test_one_who_does_not(self):
        self.write("agent/host/b.cc", HEAD + '#include "agent/host/a.h"\n')
        self.expect(["agent/host/a.h:1"], "c does not include this", "agent/host/a.h", "// What it is. Called by: b,\n// c.\n#pragma once\n")


class Functions(unittest.TestCase):
    def names(self, code):
        return [function.name for function in code_text.functions_of(code)]

    def test_shapes_that_are_functions(self):
        for code in ("int f() {}", "template <class T>\nauto f(T t) -> decltype(t) {}",
                     "Row::f(int n) : n_{n}, m_(n) { if (n) {} }", "struct Cell f() const {}",
                     "int f(const char* s = \"{\") { /* } */ return '{'; }",
                     "#if A\nint f() {\n#else\nint f(int) {\n#endif\n}",
                     "class A { public: bool f() noexcept override { for (;;) {} } };",
                     "namespace a { int f() { auto g = [&](int x) { return x; }; } }"):
            with self.subTest(code=code):
                self.assertEqual([name.split("::")[-1] for name in self.names(code)], ["f"])

    def test_shapes_that_are_not(self):
        for code in ("struct alignas(8) Cell { int a; };", "constexpr int k[] = {f(1), {2}};",
                     "namespace a::b { enum class E : int { kA }; }", "auto s = R\"(f() { )\";"):
            with self.subTest(code=code):
                self.assertEqual(self.names(code), [])

    def test_a_body_ends_at_its_own_brace(self):
        function, = code_text.functions_of("int f()\n{\n  if (x) {\n  }\n}\nint x;\n")
        self.assertEqual((function.first, function.last), (2, 5))


class StandardHeaders(Tree):
    def test_a_name_needs_its_header(self):
        self.expect(["shm/a.cc:3"], "uses std::find without <algorithm>", "shm/a.cc",
                    HEAD + "#include <vector>\nbool a(int* b, int* e) { return std::find(b, e, 1) != e; }\n")

    def test_each_header_that_libraries_have_been_seen_to_leave_out(self):
        for header, use in (("utility", "std::move(b)"), ("cstdio", "std::remove(b)"), ("new", "new (b) int"),
                            ("stop_token", "std::stop_token b"), ("vector", "std::vector<int> b"), ("array", "std::array<int, 2> b")):
            with self.subTest(header):
                self.expect(["shm/a.cc:2"], f"without <{header}>", "shm/a.cc", HEAD + f"void a() {{ {use}; }}\n")
                self.expect_clean("shm/a.cc", HEAD + f"#include <{header}>\nvoid a() {{ {use}; }}\n")

    def test_a_header_of_ours_may_bring_it(self):
        self.write("shm/a.h", HEAD + "#pragma once\n#include <algorithm>\n")
        self.expect_clean("shm/a.cc", HEAD + '#include "shm/a.h"\nbool a(int* b, int* e) { return std::find(b, e, 1) != e; }\n')

    def test_words_in_comments_and_strings_need_none(self):
        self.expect_clean("shm/a.cc", HEAD + '// std::find(\nconst char* a = "std::sort(";\n')


class TestedUnits(Tree):
    """Broken: a unit without tests; an entry for a unit or a test that is not there."""

    def setUp(self):
        super().setUp()
        self.write("tests/layers/x_test.py", '"""Called by: ctest."""\n')
        self.write("agent/a.cc", HEAD)

    def test_a_unit_without_tests(self):
        self.assertEqual(self.found()[0], ["agent/a.cc:1"])

    def test_a_unit_with_a_test_of_its_name(self):
        self.expect_clean("tests/agent/a_test.cc", HEAD)

    def test_a_unit_whose_header_a_test_includes(self):
        self.write("agent/a.h", HEAD + "#pragma once\n")
        self.expect_clean("tests/agent/b_test.cc", HEAD + '#include "agent/a.h"\n')

    def test_a_listed_unit(self):
        self.expect_clean("tests/units.txt", "[agent]\nlayers/x_test: a\n")

    def test_a_listed_unit_of_another_folder(self):
        self.expect(["agent/a.cc:1", "tests/units.txt:2"], "shm/ has no such unit", "tests/units.txt", "[shm]\nx_test: a\n")

    def test_a_listed_test_that_is_not_there(self):
        self.expect(["tests/units.txt:2"], "no such file of tests", "tests/units.txt", "[agent]\ny_test:\n  a\n")

    def test_an_entry_that_need_not_be(self):
        self.write("tests/agent/a_test.cc", HEAD)
        self.expect(["tests/units.txt:2"], "need not be here", "tests/units.txt", "[agent]\nx_test: a\n")


if __name__ == "__main__":
    sys.exit(unittest.main())
