// Reads from an executable's ELF file how it will be loaded. The file is not trusted.
// Called by: preload_verdict.
//
// Invariants
//   EP1  Nothing is read outside the file, at most kElfMostBytes of any one table, and of each kind
//        one table, or so much together: however many segments the file names.
//   EP2  Every field is read once, then checked, then used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace notch::agent {

inline constexpr std::size_t kElfMostBytes = 32 * 1024 * 1024;

// The properties that the kernel and the loader check first.
struct ElfTarget {
  unsigned char word_class = 0;  // ELFCLASS32, ELFCLASS64
  unsigned char byte_order = 0;  // ELFDATA2LSB, ELFDATA2MSB
  std::uint16_t machine = 0;     // EM_*

  bool operator==(const ElfTarget&) const = default;
};

struct ElfProgram {
  ElfTarget target;
  // Only for programs of this machine's own word size and byte order.
  std::string loader;         // PT_INTERP; empty: statically linked
  std::string sanitizer;      // what shows that it was built with one: a library or a symbol
  bool is_go = false;         // by its notes, or the name of a section
  bool changes_user = false;  // names a function of libc's that does
};

enum class ElfRead : std::uint8_t {
  kElf,
  kNotElf,
  kBroken,  // begins as ELF and breaks a rule of the format
};

// Fills `out` with the file's bytes from `offset` on; false if they are not all there.
using ReadAt = std::function<bool(std::uint64_t offset, std::span<std::byte> out)>;

// `program` is whole with kElf, and cleared otherwise.
ElfRead read_elf_program(const ReadAt& read_at, ElfProgram& program);

}  // namespace notch::agent
