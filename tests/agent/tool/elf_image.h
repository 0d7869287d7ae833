// A small ELF executable made by hand: header, segments, loader, notes, dynamic section, strings.
// Called by: the tests of elf_program and preload_verdict, which spoil one thing each.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/tool/elf_program.h"

namespace notch::testing {

struct ElfImage {
  static constexpr const char* kGlibc = "/lib64/ld-linux-x86-64.so.2";
  static constexpr std::uint64_t kBase = 0x400000;

  ElfW(Ehdr) header{};
  ElfW(Phdr) load{};
  ElfW(Phdr) interpreter{};
  ElfW(Phdr) dynamic{};
  ElfW(Phdr) note{};
  std::string loader = std::string(kGlibc) + '\0';
  std::vector<std::uint64_t> needed;
  std::string strings = std::string(1, '\0');
  std::string notes;
  std::uint64_t strings_address = 0;
  std::uint64_t strings_bytes = 0;

  ElfImage() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_phoff = sizeof header;
    header.e_phentsize = sizeof(ElfW(Phdr));
    header.e_phnum = 4;
    load.p_type = PT_LOAD;
    interpreter.p_type = PT_INTERP;
    dynamic.p_type = PT_DYNAMIC;
    note.p_type = PT_NOTE;
  }

  static agent::ElfTarget target() { return {ELFCLASS64, ELFDATA2LSB, EM_X86_64}; }

  ElfImage& needs(std::string_view library) {
    needed.push_back(strings.size());
    return mentions(library);
  }
  ElfImage& mentions(std::string_view symbol) {
    strings.append(symbol).push_back('\0');
    return *this;
  }
  ElfImage& has_note(std::uint32_t kind, std::string_view name) {
    const std::uint32_t head[3] = {static_cast<std::uint32_t>(name.size()), 4, kind};
    notes.append(reinterpret_cast<const char*>(head), sizeof head).append(name);
    notes.resize((notes.size() + 3) / 4 * 4 + 4, '\0');
    return *this;
  }

  // Places everything; what a test wants wrong it sets on the result, or afterwards by `bytes`.
  ElfImage& place() {
    std::uint64_t at = sizeof header + 4 * sizeof load;
    const auto put = [&at](ElfW(Phdr) & segment, std::uint64_t bytes) {
      segment.p_offset = at;
      segment.p_vaddr = kBase + at;
      segment.p_filesz = segment.p_memsz = bytes;
      at += (bytes + 7) / 8 * 8;
    };
    put(interpreter, loader.size());
    put(note, notes.size());
    put(dynamic, (needed.size() + 3) * sizeof(ElfW(Dyn)));
    strings_address = kBase + at;
    strings_bytes = strings.size();
    load.p_vaddr = kBase;
    load.p_filesz = at + strings.size();
    return *this;
  }

  std::string bytes() const {
    std::string file(static_cast<std::size_t>(load.p_filesz), '\0');
    std::vector<ElfW(Dyn)> entries;
    const auto entry = [&entries](auto tag, std::uint64_t value) {
      ElfW(Dyn) added{};
      added.d_tag = tag;
      added.d_un.d_val = value;
      entries.push_back(added);
    };
    for (const std::uint64_t name : needed) entry(DT_NEEDED, name);
    entry(DT_STRTAB, strings_address);
    entry(DT_STRSZ, strings_bytes);
    entry(DT_NULL, 0);
    put(file, 0, &header, sizeof header);
    const ElfW(Phdr)* const segments[4] = {&load, &interpreter, &note, &dynamic};
    for (std::size_t i = 0; i < 4; ++i) {
      put(file, sizeof header + i * sizeof load, segments[i], sizeof load);
    }
    put(file, interpreter.p_offset, loader.data(), loader.size());
    put(file, note.p_offset, notes.data(), notes.size());
    put(file, dynamic.p_offset, entries.data(), entries.size() * sizeof(ElfW(Dyn)));
    put(file, file.size() - strings.size(), strings.data(), strings.size());
    return file;
  }

 private:
  // A segment that a test has moved out of the file keeps its bytes nowhere.
  static void put(std::string& file, std::uint64_t at, const void* bytes, std::size_t size) {
    if (at <= file.size() && size <= file.size() - at) std::memcpy(&file[at], bytes, size);
  }
};

inline agent::ReadAt reader_of(std::string_view file) {
  return [file](std::uint64_t offset, std::span<std::byte> out) {
    if (offset > file.size() || out.size() > file.size() - offset) return false;
    if (!out.empty()) std::memcpy(out.data(), file.data() + offset, out.size());
    return true;
  };
}

}  // namespace notch::testing
