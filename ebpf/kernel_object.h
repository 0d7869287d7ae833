// One compiled object in the kernel: its programs loaded and attached, its maps in this process's
// memory. kernel_object.cc does it through libbpf; kernel_object_unsupported.cc is built where
// there is none. Called by: the probes, service_table, tests, bench.
//
// Invariants
//   KO1  A program whose tracepoint the kernel lacks is left out. If it is one the caller requires,
//        nothing is loaded.
//   KO2  After run() maps are read in memory, without a system call. Nothing is left in the kernel
//        when the object goes.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ebpf/refusal.h"

namespace notch::ebpf {

class KernelObject {
 public:
  KernelObject();
  ~KernelObject();
  KernelObject(const KernelObject&) = delete;
  KernelObject& operator=(const KernelObject&) = delete;

  // Reads the object and leaves out programs whose tracepoint the kernel lacks. `required` are names of
  // programs. `types_path`: another kernel's BTF, to relocate for (tests); empty: the running
  // one's.
  Outcome open(const char* name, std::span<const unsigned char> bytes,
               std::initializer_list<const char*> required);

  // To be called between open() and run(). REQUIRES: the map, or the section of constants, is in the
  // object.
  void set_entries(const char* map, std::size_t entries);
  void share_map(const char* map, const KernelObject& owner);
  void leave_out(const char* program);
  void leave_out_map(const char* map);  // its uses are behind a constant, and the kernel drops them
  template <class Constants>
  void set_constants(const Constants& constants) {
    set_constants(&constants, sizeof constants);
  }

  // Loads and attaches. Cost: milliseconds; the kernel proves each program.
  Outcome run();

  // A map's values, whole. Empty before run() or if the object has no such map.
  template <class Value>
  std::span<const Value> values(const char* map) const {
    static_assert(sizeof(Value) % 8 == 0);
    const std::span<std::byte> bytes = mapped(map, PROT_READ);
    return {reinterpret_cast<const Value*>(bytes.data()), bytes.size() / sizeof(Value)};
  }
  template <class Value>
  std::span<Value> writable_values(const char* map) {
    static_assert(sizeof(Value) % 8 == 0);
    const std::span<std::byte> bytes = mapped(map, PROT_READ | PROT_WRITE);
    return {reinterpret_cast<Value*>(bytes.data()), bytes.size() / sizeof(Value)};
  }

  // Runs the iterator program of that name; `output` gets what it wrote. Cost: three system calls and
  // one for each 64 KiB. The result says why there is no output.
  Outcome iterate(const char* program, std::vector<std::byte>& output) const;

  bool has_program(const char* program) const;  // it was not left out
  struct Program {
    std::string name;
    int descriptor;
  };
  std::vector<Program> programs() const;  // that are loaded

  // Events that a program missed because it was running on that processor already; since Linux 5.12.
  // Cost: a system call for each program.
  std::uint64_t missed_events() const;

 private:
  struct Parts;

  void set_constants(const void* bytes, std::size_t size);
  std::span<std::byte> mapped(const char* map, int protection) const;

  std::unique_ptr<Parts> parts_;
};

// The number of possible processors; 0 without libbpf.
unsigned possible_processors();

// True if the running kernel has the tracepoint, for programs of this kind.
bool has_tracepoint(const char* name);

// True if that argument (from 0) of the tracepoint is a pointer: kernels differ in the arguments of one
// event.
bool argument_is_pointer(const char* tracepoint, unsigned argument);

}  // namespace notch::ebpf
