// Reads an object's own dynamic symbols from its dynamic section in memory, without the loader. Called by: next_symbol.cc, openssl_search.cc.
//
// The object is not trusted: packers, strippers and injectors leave tables that the loader bears,
// since it never uses them, or stops where they end it.
//
// Invariants
//   SB1  Allocates nothing, takes no lock, calls nothing of the program's but the resolver of a
//        function that has one.
//   SB2  Of several versions of a symbol the default one is taken, as a new program would get it.
//   SB3  Nothing is read outside the part (PT_LOAD) of the object in which a table begins, whatever
//        its fields say; and each loop ends with that part, or sooner.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace notch::preload {

// Each table from its first entry to the end of the part it lies in; empty if the object has none,
// or says that it is where the object is not.
struct SymbolTable {
  ElfW(Addr) base = 0;
  std::span<const ElfW(Phdr)> parts;
  std::span<const ElfW(Dyn)> dynamic;
  std::span<const ElfW(Sym)> symbols;
  std::span<const char> strings;
  std::span<const std::uint16_t> versions;
  std::span<const std::uint32_t> gnu_hash;
  std::span<const std::uint32_t> hash;  // the older table, looked at where there is no other
  bool has_gnu_hash = false;            // whatever it is worth
};

SymbolTable symbol_table(const dl_phdr_info& object) noexcept;

// From an address to the end of the readable part that has it, in whole entries; empty if no part
// has it, or it is not aligned as such an entry is.
template <class T>
std::span<const T> entries_at(const SymbolTable& table, ElfW(Addr) address) noexcept {
  for (const ElfW(Phdr) & part : table.parts) {
    const ElfW(Addr) offset = address - table.base - part.p_vaddr;
    if (part.p_type != PT_LOAD || (part.p_flags & PF_R) == 0 || offset >= part.p_memsz) continue;
    if (address % alignof(T) != 0) return {};
    return {reinterpret_cast<const T*>(address), (part.p_memsz - offset) / sizeof(T)};
  }
  return {};
}

// The value of an entry of the dynamic section, 0 if it has none; and as an address.
ElfW(Addr) dynamic_value(const SymbolTable& table, ElfW(Sxword) tag) noexcept;
ElfW(Addr) dynamic_address(const SymbolTable& table, ElfW(Sxword) tag) noexcept;

// The symbol's name is this one.
bool has_name(const SymbolTable& table, const ElfW(Sym) & symbol, const char* name) noexcept;

// Calls `visit` with each relocation of the object until it says true.
template <class Visit>
bool visit_relocations(const SymbolTable& table, Visit visit) noexcept {
  constexpr ElfW(Sxword) kLists[][2] = {{DT_JMPREL, DT_PLTRELSZ}, {DT_RELA, DT_RELASZ}};
  for (const auto& [list, size] : kLists) {
    const auto all = entries_at<ElfW(Rela)>(table, dynamic_address(table, list));
    const std::size_t count = dynamic_value(table, size) / sizeof(ElfW(Rela));
    for (const ElfW(Rela) & relocation : all.first(count < all.size() ? count : all.size())) {
      if (visit(relocation)) return true;
    }
  }
  return false;
}
inline std::uint32_t symbol_of(const ElfW(Rela) & relocation) noexcept {
  return static_cast<std::uint32_t>(relocation.r_info >> 32);
}

// The object's definition of a name, null if it has none. gnu_hash_of(name) is asked for apart, so
// that a search of many objects makes it once.
std::uint32_t gnu_hash_of(const char* name) noexcept;
void* find_in(const SymbolTable& table, const char* name, std::uint32_t hash) noexcept;

// Whether the object asks other objects for one of `count` names, one zero-terminated string behind
// the other. True also of an object without a sound DT_GNU_HASH, which alone says where its own
// symbols begin.
bool imports_any(const SymbolTable& table, const char* names, std::size_t count) noexcept;

bool holds(const dl_phdr_info& object, std::uintptr_t address) noexcept;

}  // namespace notch::preload
