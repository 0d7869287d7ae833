// What an object in memory says of its own dynamic symbols: read from its dynamic section, without
// the loader. Called by: next_symbol.cc, openssl_search.cc.
//
// Invariants
//   S1  Allocates nothing, takes no lock, calls nothing of the program's but the resolver of a
//       function that has one.
//   S2  Of several versions of a symbol the default one is taken, as a new program would get it.
#pragma once

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <cstdint>

namespace notch::preload {

struct SymbolTable {
  ElfW(Addr) base = 0;
  const ElfW(Dyn) * dynamic = nullptr;
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  const std::uint16_t* versions = nullptr;
  const std::uint32_t* gnu_hash = nullptr;
  const std::uint32_t* hash = nullptr;  // the older table, looked at where there is no other
};

SymbolTable symbol_table(const dl_phdr_info& object) noexcept;

// The value of an entry of the dynamic section, 0 if it has none; and as an address.
ElfW(Addr) dynamic_value(const SymbolTable& table, ElfW(Sxword) tag) noexcept;
ElfW(Addr) dynamic_address(const SymbolTable& table, ElfW(Sxword) tag) noexcept;

// Calls `visit` with each relocation of the object until it says true.
template <class Visit>
bool visit_relocations(const SymbolTable& table, Visit visit) noexcept {
  constexpr ElfW(Sxword) kLists[][2] = {{DT_JMPREL, DT_PLTRELSZ}, {DT_RELA, DT_RELASZ}};
  for (const auto& [list, size] : kLists) {
    const auto* const first = reinterpret_cast<const ElfW(Rela)*>(dynamic_address(table, list));
    const std::size_t count = dynamic_value(table, size) / sizeof(ElfW(Rela));
    for (std::size_t i = 0; first != nullptr && i < count; ++i) {
      if (visit(first[i])) return true;
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
// the other. True also of an object without DT_GNU_HASH, which alone says where its own begin.
bool imports_any(const SymbolTable& table, const char* names, std::size_t count) noexcept;

bool holds(const dl_phdr_info& object, std::uintptr_t address) noexcept;

}  // namespace notch::preload
