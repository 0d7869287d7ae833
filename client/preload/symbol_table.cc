#include "client/preload/symbol_table.h"

#include <string.h>

#include <algorithm>

namespace notch::preload {
namespace {

constexpr std::uint16_t kHiddenVersion = 0x8000;

// Longer than any chain of a sound table, and walked in a millisecond.
constexpr std::uint32_t kMostOfChain = 1U << 20;

// The loader has made addresses of some offsets; not of all, and not of the kernel's own object's.
ElfW(Addr) absolute(const SymbolTable& table, ElfW(Addr) address) noexcept {
  return address < table.base ? address + table.base : address;
}

// Null if the object says that it is where the object is not, or that code is where none is.
void* address_of(const SymbolTable& table, const ElfW(Sym) & symbol) noexcept {
  const bool is_resolver = (symbol.st_info & 0xf) == STT_GNU_IFUNC;
  const auto has = [&](const ElfW(Phdr) & part) {
    return part.p_type == PT_LOAD && symbol.st_value - part.p_vaddr < part.p_memsz &&
           (!is_resolver || (part.p_flags & PF_X) != 0);
  };
  if (!std::ranges::any_of(table.parts, has)) return nullptr;
  const ElfW(Addr) address = table.base + symbol.st_value;
  return is_resolver ? reinterpret_cast<void* (*)()>(address)() : reinterpret_cast<void*>(address);
}

bool is_definition(const SymbolTable& table, std::uint32_t index, const char* name) noexcept {
  if (index >= table.symbols.size()) return false;
  const ElfW(Sym)& symbol = table.symbols[index];
  if (symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0) return false;
  if (index < table.versions.size() && (table.versions[index] & kHiddenVersion) != 0) return false;
  return has_name(table, symbol, name);
}

bool is_import(const SymbolTable& table, std::uint32_t index, const char* name) noexcept {
  if (index >= table.symbols.size()) return false;
  const ElfW(Sym)& symbol = table.symbols[index];
  return symbol.st_shndx == SHN_UNDEF && has_name(table, symbol, name);
}

// For an object without DT_GNU_HASH, of which there are few: the second word of DT_HASH is the number of
// symbols, and each is looked at.
std::uint32_t find_in_all(const SymbolTable& table, const char* name) noexcept {
  const std::size_t count = table.hash.size() < 2 ? 0 : table.hash[1];
  for (std::uint32_t index = 1; index < count && index < table.symbols.size(); ++index) {
    if (is_definition(table, index, name)) return index;
  }
  return 0;
}

// DT_GNU_HASH: the header (buckets, first hashed symbol, bloom words, shift), the bloom filter, the
// buckets, and one hash for each symbol, the last of a bucket with its lowest bit set. Empty parts
// if it is none.
struct GnuHash {
  std::uint32_t first = 0;  // hashed symbol
  std::uint32_t shift = 0;
  std::span<const ElfW(Addr)> bloom;
  std::span<const std::uint32_t> buckets;
  std::span<const std::uint32_t> chains;

  bool is_sound() const noexcept { return !buckets.empty(); }
};

GnuHash gnu_hash_of(const SymbolTable& table) noexcept {
  constexpr std::size_t kHeaderWords = 4;
  constexpr std::size_t kBloomWords = sizeof(ElfW(Addr)) / sizeof(std::uint32_t);
  if (table.gnu_hash.size() < kHeaderWords) return {};
  const std::size_t buckets = table.gnu_hash[0];
  const std::size_t bloom = table.gnu_hash[2];
  const auto rest = table.gnu_hash.subspan(kHeaderWords);
  if (buckets == 0 || bloom == 0 || bloom > rest.size() / kBloomWords) return {};
  const auto behind = rest.subspan(bloom * kBloomWords);
  const bool aligned = reinterpret_cast<std::uintptr_t>(rest.data()) % alignof(ElfW(Addr)) == 0;
  if (!aligned || buckets > behind.size()) return {};
  return {table.gnu_hash[1],
          table.gnu_hash[3] % 32,
          {reinterpret_cast<const ElfW(Addr)*>(rest.data()), bloom},
          behind.first(buckets),
          behind.subspan(buckets)};
}

// The symbol of this name that is the wanted one of its namesakes, 0 if there is none.
template <class IsWanted>
std::uint32_t find_hashed(const SymbolTable& table, const GnuHash& hashes, const char* name,
                          std::uint32_t hash, IsWanted is_wanted) noexcept {
  constexpr std::uint32_t kWordBits = sizeof(ElfW(Addr)) * 8;
  if (!hashes.is_sound()) return 0;
  const ElfW(Addr) word = hashes.bloom[hash / kWordBits % hashes.bloom.size()];
  const std::uint32_t second = hash >> hashes.shift;
  if ((word >> (hash % kWordBits) & word >> (second % kWordBits) & 1) == 0) return 0;
  const std::uint32_t begin = hashes.buckets[hash % hashes.buckets.size()];
  if (begin < hashes.first) return 0;
  for (std::uint32_t i = 0; i < kMostOfChain; ++i) {
    const std::size_t place = std::size_t{begin - hashes.first} + i;
    if (place >= hashes.chains.size()) return 0;
    const std::uint32_t entry = hashes.chains[place];
    if (((entry ^ hash) >> 1) == 0 && is_wanted(table, begin + i, name)) return begin + i;
    if ((entry & 1) != 0) return 0;
  }
  return 0;
}

// One more than the last import's index. A linker that has nothing to hash says 1, with one empty
// bucket; then the relocations say it, of which every import has one.
std::uint32_t end_of_imports(const SymbolTable& table, const GnuHash& hashes) noexcept {
  if (hashes.buckets.size() != 1 || hashes.buckets[0] != 0) return hashes.first;
  std::uint32_t last = 0;
  visit_relocations(table, [&](const ElfW(Rela) & relocation) {
    const std::uint32_t index = symbol_of(relocation);
    if (index > last && index < table.symbols.size()) last = index;
    return false;
  });
  return last + 1;
}

// The lowest bits of a name's first letter: most names are passed over by it.
unsigned initial_of(const char* name) noexcept {
  return static_cast<unsigned>(*name) & 31;
}

}  // namespace

SymbolTable symbol_table(const dl_phdr_info& object) noexcept {
  SymbolTable table;
  table.base = object.dlpi_addr;
  table.parts = {object.dlpi_phdr, object.dlpi_phnum};
  for (const ElfW(Phdr) & part : table.parts) {
    if (part.p_type == PT_DYNAMIC)
      table.dynamic = entries_at<ElfW(Dyn)>(table, table.base + part.p_vaddr);
  }
  for (const ElfW(Dyn) & entry : table.dynamic) {
    if (entry.d_tag == DT_NULL) break;
    const ElfW(Addr) address = absolute(table, entry.d_un.d_ptr);
    switch (entry.d_tag) {
      case DT_SYMTAB:
        table.symbols = entries_at<ElfW(Sym)>(table, address);
        break;
      case DT_STRTAB:
        table.strings = entries_at<char>(table, address);
        break;
      case DT_VERSYM:
        table.versions = entries_at<std::uint16_t>(table, address);
        break;
      case DT_GNU_HASH:
        table.gnu_hash = entries_at<std::uint32_t>(table, address);
        table.has_gnu_hash = true;
        break;
      case DT_HASH:
        table.hash = entries_at<std::uint32_t>(table, address);
        break;
      default:
        break;
    }
  }
  return table;
}

ElfW(Addr) dynamic_value(const SymbolTable& table, ElfW(Sxword) tag) noexcept {
  for (const ElfW(Dyn) & entry : table.dynamic) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == tag) return entry.d_un.d_ptr;
  }
  return 0;
}

ElfW(Addr) dynamic_address(const SymbolTable& table, ElfW(Sxword) tag) noexcept {
  const ElfW(Addr) value = dynamic_value(table, tag);
  return value == 0 ? 0 : absolute(table, value);
}

bool has_name(const SymbolTable& table, const ElfW(Sym) & symbol, const char* name) noexcept {
  const std::size_t size = strlen(name) + 1;
  return symbol.st_name < table.strings.size() && size <= table.strings.size() - symbol.st_name &&
         memcmp(&table.strings[symbol.st_name], name, size) == 0;
}

std::uint32_t gnu_hash_of(const char* name) noexcept {
  std::uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

void* find_in(const SymbolTable& table, const char* name, std::uint32_t hash) noexcept {
  // Where there are both, the loader looks at the newer alone.
  const std::uint32_t index =
      table.has_gnu_hash ? find_hashed(table, gnu_hash_of(table), name, hash, is_definition)
                         : find_in_all(table, name);
  return index == 0 ? nullptr : address_of(table, table.symbols[index]);
}

// Imports stand before the symbols that are hashed; but one whose address a program of a fixed
// place takes is hashed like a definition.
bool imports_any(const SymbolTable& table, const char* names, std::size_t count) noexcept {
  if (table.symbols.empty() || table.strings.empty()) return false;
  const GnuHash hashes = gnu_hash_of(table);
  if (!hashes.is_sound()) return true;
  std::uint32_t initials = 0;
  const char* name = names;
  for (std::size_t i = 0; i < count; ++i, name += strlen(name) + 1) {
    initials |= 1U << initial_of(name);
    if (find_hashed(table, hashes, name, gnu_hash_of(name), is_import) != 0) return true;
  }
  const std::uint32_t end = end_of_imports(table, hashes);
  for (std::uint32_t index = 1; index < end && index < table.symbols.size(); ++index) {
    const ElfW(Word) at = table.symbols[index].st_name;
    if (at >= table.strings.size() || (initials >> initial_of(&table.strings[at]) & 1) == 0)
      continue;
    name = names;
    for (std::size_t i = 0; i < count; ++i, name += strlen(name) + 1) {
      if (is_import(table, index, name)) return true;
    }
  }
  return false;
}

bool holds(const dl_phdr_info& object, std::uintptr_t address) noexcept {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object.dlpi_phdr[i];
    const std::uintptr_t begin = object.dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && address >= begin && address - begin < part.p_memsz) return true;
  }
  return false;
}

}  // namespace notch::preload
