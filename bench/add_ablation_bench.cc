// Which part of an add costs what? Run by: bench/run. The rows add to one word each, and go from a
// plain increment to Counter::add() by the parts of cell.h; what a part costs is its row less the
// row above it. Only the last one counts exactly.
//
// Each of the parts is needed: without the section two threads would add at once, without the check
// of cpu_id a thread that has no rseq would use another's column (CE5), and without the column there
// is nothing to add to. `section_cleared` is what code that may be unloaded does besides, so that
// the kernel does not look into it then (CE4): the adds of a shared library, not those of a program.
#include <benchmark/benchmark.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "notch/cell.h"
#include "notch/registry.h"

namespace notch::bench {
namespace {

void plain_increment(benchmark::State& state) {
  const auto word = std::make_unique<std::uint64_t>(0);
  std::uint64_t* cell = word.get();
  benchmark::DoNotOptimize(cell);
  for (auto _ : state) {
    ++*cell;
    benchmark::ClobberMemory();
  }
}

#ifdef NOTCH_RSEQ
// Where an add would take the slow path, nothing is added.
#define ABLATION_SECTION(parts, clear)                                                            \
  asm volatile(                                                                                   \
      ".pushsection __rseq_cs, \"aw?\"\n\t.balign 32\n"                                           \
      "3:\n\t.long 0, 0\n\t.quad 1f, 2f-1f, 4f\n\t.popsection\n"                                  \
      "0:\n\tleaq 3b(%%rip), %%rax\n\tmovq %%rax, %%fs:8(%[rseq])\n1:\n\t" parts                  \
      "addq $1, (%[cell])\n2:\n\t" clear                                                          \
      ".pushsection __rseq_failure, \"ax?\"\n\t.byte 0x0f, 0xb9, 0x3d\n\t"                        \
      ".long 0x53053053\n4:\n\tjmp 0b\n\t.popsection\n\t"                                         \
      :                                                                                           \
      :                                                                                           \
      [rseq] "r"(notch_v1_hot.rseq_offset), [cell] "r"(cell), [columns] "r"(notch_v1_hot.columns) \
      : "rax", "cc", "memory")

#define ABLATION_CLEAR "movq $0, %%fs:8(%[rseq])\n\t"
#define ABLATION_CPU_ID "cmpl $0, %%fs:4(%[rseq])\n\tjs 2f\n\t"
#define ABLATION_COLUMN NOTCH_RSEQ_OWN_COLUMN "testq %%rax, %%rax\n\tjz 2f\n\t"

// One row: `parts` of an add, each iteration on the same private word.
#define ABLATION_ROW(name, parts, clear)                  \
  void name(benchmark::State& state) {                    \
    const auto word = std::make_unique<std::uint64_t>(0); \
    std::uint64_t* const cell = word.get();               \
    for (auto _ : state) ABLATION_SECTION(parts, clear);  \
  }                                                       \
  BENCHMARK(name)

BENCHMARK(plain_increment);
ABLATION_ROW(section, "", "");
ABLATION_ROW(section_cleared, "", ABLATION_CLEAR);
ABLATION_ROW(section_and_cpu_id, ABLATION_CPU_ID, "");
ABLATION_ROW(section_and_column, ABLATION_COLUMN, "");
ABLATION_ROW(section_cpu_id_and_column, ABLATION_CPU_ID ABLATION_COLUMN, "");
#else
BENCHMARK(plain_increment);
#endif

void notch_add(benchmark::State& state) {
  static Counter shared = counter({"bench_ablation_total", "The whole add."});
  Counter counter = shared;
  for (auto _ : state) {
    counter.add();
    benchmark::ClobberMemory();
  }
}

BENCHMARK(notch_add);

}  // namespace
}  // namespace notch::bench
