#include "agent/tool/elf_program.h"

#include <elf.h>
#include <limits.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace notch::agent {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Section = ElfW(Shdr);
using Dynamic = ElfW(Dyn);

constexpr std::size_t kMostSegmentBytes = 64 * 1024;  // the kernel's own limit
constexpr std::size_t kMostSectionBytes = 64 * 1024;
constexpr std::size_t kMostDynamicBytes = 64 * 1024;
constexpr std::size_t kMostNoteBytes = 64 * 1024;  // of all notes together
constexpr unsigned char kOwnClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
constexpr unsigned char kOwnByteOrder =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
constexpr std::uint32_t kGoBuildIdNote = 4;

// Symbols that only a program with a sanitizer's run time has among its dynamic ones; the last
// begins many.
constexpr std::array<std::string_view, 7> kSanitizerSymbols = {
    "__asan_init",   "__tsan_init",  "__msan_init",    "__lsan_init",
    "__hwasan_init", "__rtsan_init", "__ubsan_handle_"};
constexpr std::array<std::string_view, 6> kChangesOfUser = {"setuid",    "seteuid",  "setreuid",
                                                            "setresuid", "setfsuid", "initgroups"};
constexpr std::array<std::string_view, 6> kSanitizerLibraries = {
    "libasan.so", "libtsan.so", "libubsan.so", "liblsan.so", "libhwasan.so", "libclang_rt."};

template <class T>
bool read_one(const ReadAt& read_at, std::uint64_t offset, T& out) {
  return read_at(offset, std::as_writable_bytes(std::span(&out, 1)));
}

// A table of `bytes` bytes; what is left of its last entry is not read.
template <class T>
std::optional<std::vector<T>> read_table(const ReadAt& read_at, std::uint64_t offset,
                                         std::uint64_t bytes, std::size_t most_bytes) {
  if (bytes > most_bytes) return std::nullopt;
  std::vector<T> table(static_cast<std::size_t>(bytes) / sizeof(T));
  if (!read_at(offset, std::as_writable_bytes(std::span(table)))) return std::nullopt;
  return table;
}

std::uint16_t in_order(std::array<unsigned char, 2> bytes, unsigned char byte_order) {
  const unsigned low = bytes[byte_order == ELFDATA2LSB ? 0 : 1];
  const unsigned high = bytes[byte_order == ELFDATA2LSB ? 1 : 0];
  return static_cast<std::uint16_t>(high << 8 | low);
}

ElfRead read_target(const ReadAt& read_at, ElfTarget& target) {
  std::array<unsigned char, EI_NIDENT> ident{};
  if (!read_at(0, std::as_writable_bytes(std::span(ident)).first(SELFMAG)) ||
      std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) {
    return ElfRead::kNotElf;
  }
  std::array<unsigned char, 2> machine{};
  if (!read_one(read_at, 0, ident) || !read_one(read_at, offsetof(Header, e_machine), machine)) {
    return ElfRead::kBroken;
  }
  target = {ident[EI_CLASS], ident[EI_DATA], in_order(machine, ident[EI_DATA])};
  const bool known = (target.word_class == ELFCLASS32 || target.word_class == ELFCLASS64) &&
                     (target.byte_order == ELFDATA2LSB || target.byte_order == ELFDATA2MSB);
  return known ? ElfRead::kElf : ElfRead::kBroken;
}

bool read_loader(const ReadAt& read_at, const Segment& segment, std::string& loader) {
  if (segment.p_filesz < 2 || segment.p_filesz > PATH_MAX) return false;
  const auto path = read_table<char>(read_at, segment.p_offset, segment.p_filesz, PATH_MAX);
  if (!path || path->back() != '\0') return false;
  loader = path->data();
  return !loader.empty();
}

// Notes are (name's size, description's size, kind, name, description), the last two padded to 4.
bool has_go_note(const std::vector<char>& notes) {
  std::size_t at = 0;
  while (notes.size() - at >= 3 * sizeof(std::uint32_t)) {
    std::array<std::uint32_t, 3> head{};
    std::memcpy(head.data(), notes.data() + at, sizeof head);
    at += sizeof head;
    const std::uint64_t name = (std::uint64_t{head[0]} + 3) & ~std::uint64_t{3};
    const std::uint64_t description = (std::uint64_t{head[1]} + 3) & ~std::uint64_t{3};
    if (name + description > notes.size() - at) return false;
    if (head[0] == 4 && head[2] == kGoBuildIdNote && std::memcmp(&notes[at], "Go", 3) == 0) {
      return true;
    }
    at += static_cast<std::size_t>(name + description);
  }
  return false;
}

// The strings of the dynamic section, which it names by address.
std::optional<std::vector<char>> read_strings(const ReadAt& read_at,
                                              std::span<const Segment> segments,
                                              std::uint64_t address, std::uint64_t bytes) {
  for (const Segment& segment : segments) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
    const std::uint64_t into = address - segment.p_vaddr;
    if (into >= segment.p_filesz || bytes > segment.p_filesz - into) continue;
    if (segment.p_offset > UINT64_MAX - into) return std::nullopt;
    return read_table<char>(read_at, segment.p_offset + into, bytes, kElfMostBytes);
  }
  return std::nullopt;
}

std::string sanitizer_library(std::string_view needed) {
  const std::string_view file = needed.substr(needed.rfind('/') + 1);
  const bool known = std::ranges::any_of(
      kSanitizerLibraries, [&](std::string_view start) { return file.starts_with(start); });
  return known ? std::string(file) : "";
}

// Whether it is one of the strings, or the start of one.
bool has_string(std::string_view strings, std::string_view text, bool is_whole = true) {
  std::string name(1, '\0');
  name.append(text);
  if (is_whole) name.push_back('\0');
  return strings.find(name) != std::string_view::npos;
}

std::string sanitizer_symbol(std::string_view strings) {
  for (const std::string_view symbol : kSanitizerSymbols) {
    const bool begins_many = symbol.back() == '_';
    if (has_string(strings, symbol, !begins_many)) return std::string(symbol);
  }
  return "";
}

bool read_dynamic(const ReadAt& read_at, std::span<const Segment> segments, const Segment& segment,
                  ElfProgram& program) {
  const auto entries =
      read_table<Dynamic>(read_at, segment.p_offset, segment.p_filesz, kMostDynamicBytes);
  if (!entries) return false;
  std::vector<std::uint64_t> needed;
  std::uint64_t strings_address = 0;
  std::uint64_t strings_bytes = 0;
  for (const Dynamic& entry : *entries) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_NEEDED) needed.push_back(entry.d_un.d_val);
    if (entry.d_tag == DT_STRTAB) strings_address = entry.d_un.d_ptr;
    if (entry.d_tag == DT_STRSZ) strings_bytes = entry.d_un.d_val;
  }
  if (strings_bytes == 0) return needed.empty();
  const auto strings = read_strings(read_at, segments, strings_address, strings_bytes);
  if (!strings || strings->back() != '\0') return false;
  for (const std::uint64_t offset : needed) {
    if (offset >= strings->size()) return false;
    if (program.sanitizer.empty()) program.sanitizer = sanitizer_library(&(*strings)[offset]);
  }
  const std::string_view text(strings->data(), strings->size());
  if (program.sanitizer.empty()) program.sanitizer = sanitizer_symbol(text);
  program.changes_user = std::ranges::any_of(
      kChangesOfUser, [&](std::string_view symbol) { return has_string(text, symbol); });
  return true;
}

// Go's linker leaves it where it was told to leave the note out. Nothing depends on sections being
// sound: what breaks a rule has none.
bool has_go_section(const ReadAt& read_at, const Header& header) {
  if (header.e_shentsize != sizeof(Section) || header.e_shstrndx >= header.e_shnum) return false;
  const auto sections = read_table<Section>(
      read_at, header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Section), kMostSectionBytes);
  if (!sections) return false;
  const Section& names_section = (*sections)[header.e_shstrndx];
  const auto names =
      read_table<char>(read_at, names_section.sh_offset, names_section.sh_size, kMostSectionBytes);
  return names && has_string({names->data(), names->size()}, ".go.buildinfo");
}

bool read_segments(const ReadAt& read_at, ElfProgram& program) {
  Header header{};
  if (!read_one(read_at, 0, header)) return false;
  if (header.e_phentsize != sizeof(Segment)) return false;
  const auto segments = read_table<Segment>(
      read_at, header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Segment), kMostSegmentBytes);
  if (!segments) return false;
  bool whole = true;
  bool is_dynamic = false;
  std::size_t note_bytes_left = kMostNoteBytes;
  for (const Segment& segment : *segments) {
    if (segment.p_type == PT_INTERP && program.loader.empty()) {
      whole = whole && read_loader(read_at, segment, program.loader);
    } else if (segment.p_type == PT_DYNAMIC) {
      // There is one (EP1): each more would have its strings read as well.
      whole = whole && !std::exchange(is_dynamic, true) &&
              read_dynamic(read_at, *segments, segment, program);
    } else if (segment.p_type == PT_NOTE) {
      const auto notes =
          read_table<char>(read_at, segment.p_offset, segment.p_filesz, note_bytes_left);
      if (!notes) continue;
      note_bytes_left -= notes->size();
      program.is_go = program.is_go || has_go_note(*notes);
    }
  }
  program.is_go = program.is_go || has_go_section(read_at, header);
  return whole;
}

}  // namespace

ElfRead read_elf_program(const ReadAt& read_at, ElfProgram& program) {
  program = {};
  const ElfRead read = read_target(read_at, program.target);
  const bool own =
      program.target.word_class == kOwnClass && program.target.byte_order == kOwnByteOrder;
  if (read == ElfRead::kElf && (!own || read_segments(read_at, program))) return read;
  program = {};
  return read == ElfRead::kElf ? ElfRead::kBroken : read;
}

}  // namespace notch::agent
