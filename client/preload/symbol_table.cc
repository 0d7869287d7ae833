#include "client/preload/symbol_table.h"

#include <string.h>

namespace notch::preload {
namespace {

constexpr std::uint16_t kHiddenVersion = 0x8000;

// The loader has made addresses of some offsets; not of all, and not of the kernel's own object's.
ElfW(Addr) absolute(const SymbolTable& table, ElfW(Addr) address) noexcept {
  return address < table.base ? address + table.base : address;
}

void* address_of(const SymbolTable& table, const ElfW(Sym) & symbol) noexcept {
  const ElfW(Addr) address = table.base + symbol.st_value;
  if ((symbol.st_info & 0xf) == STT_GNU_IFUNC) return reinterpret_cast<void* (*)()>(address)();
  return reinterpret_cast<void*>(address);
}

bool is_definition(const SymbolTable& table, std::uint32_t index, const char* name) noexcept {
  const ElfW(Sym)& symbol = table.symbols[index];
  if (symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0) return false;
  if (table.versions != nullptr && (table.versions[index] & kHiddenVersion) != 0) return false;
  return strcmp(table.strings + symbol.st_name, name) == 0;
}

// Of an object without DT_GNU_HASH, of which there are few: the second word of DT_HASH is the
// number of symbols, and each is looked at.
void* find_in_all(const SymbolTable& table, const char* name) noexcept {
  for (std::uint32_t index = 1; index < table.hash[1]; ++index) {
    if (is_definition(table, index, name)) return address_of(table, table.symbols[index]);
  }
  return nullptr;
}

}  // namespace

SymbolTable symbol_table(const dl_phdr_info& object) noexcept {
  SymbolTable table;
  table.base = object.dlpi_addr;
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type == PT_DYNAMIC)
      table.dynamic = reinterpret_cast<const ElfW(Dyn)*>(table.base + object.dlpi_phdr[i].p_vaddr);
  }
  for (const ElfW(Dyn)* entry = table.dynamic; entry != nullptr && entry->d_tag != DT_NULL;
       ++entry) {
    const ElfW(Addr) address = absolute(table, entry->d_un.d_ptr);
    switch (entry->d_tag) {
      case DT_SYMTAB:
        table.symbols = reinterpret_cast<const ElfW(Sym)*>(address);
        break;
      case DT_STRTAB:
        table.strings = reinterpret_cast<const char*>(address);
        break;
      case DT_VERSYM:
        table.versions = reinterpret_cast<const std::uint16_t*>(address);
        break;
      case DT_GNU_HASH:
        table.gnu_hash = reinterpret_cast<const std::uint32_t*>(address);
        break;
      case DT_HASH:
        table.hash = reinterpret_cast<const std::uint32_t*>(address);
        break;
      default:
        break;
    }
  }
  return table;
}

ElfW(Addr) dynamic_value(const SymbolTable& table, ElfW(Sxword) tag) noexcept {
  for (const ElfW(Dyn)* entry = table.dynamic; entry != nullptr && entry->d_tag != DT_NULL;
       ++entry) {
    if (entry->d_tag == tag) return entry->d_un.d_ptr;
  }
  return 0;
}

ElfW(Addr) dynamic_address(const SymbolTable& table, ElfW(Sxword) tag) noexcept {
  const ElfW(Addr) value = dynamic_value(table, tag);
  return value == 0 ? 0 : absolute(table, value);
}

std::uint32_t gnu_hash_of(const char* name) noexcept {
  std::uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
}

namespace {

bool is_import(const SymbolTable& table, std::uint32_t index, const char* name) noexcept {
  const ElfW(Sym)& symbol = table.symbols[index];
  return symbol.st_shndx == SHN_UNDEF && strcmp(table.strings + symbol.st_name, name) == 0;
}

// The symbol of this name that is the wanted one of its namesakes, 0 if there is none. By
// DT_GNU_HASH: header (buckets, first hashed symbol, bloom words, shift), bloom filter, buckets,
// and one hash for each symbol, the last of a bucket with its lowest bit set.
template <class IsWanted>
std::uint32_t find_hashed(const SymbolTable& table, const char* name, std::uint32_t hash,
                          IsWanted is_wanted) noexcept {
  constexpr std::uint32_t kWordBits = sizeof(ElfW(Addr)) * 8;
  const std::uint32_t buckets = table.gnu_hash[0];
  const std::uint32_t first = table.gnu_hash[1];
  const std::uint32_t bloom_words = table.gnu_hash[2];
  const auto* const bloom = reinterpret_cast<const ElfW(Addr)*>(table.gnu_hash + 4);
  const auto* const bucket = reinterpret_cast<const std::uint32_t*>(bloom + bloom_words);
  const ElfW(Addr) word = bloom[hash / kWordBits % bloom_words];
  const std::uint32_t second = hash >> table.gnu_hash[3];
  if ((word >> (hash % kWordBits) & word >> (second % kWordBits) & 1) == 0) return 0;
  std::uint32_t index = bucket[hash % buckets];
  if (index < first) return 0;
  for (const std::uint32_t* chain = bucket + buckets - first;; ++index) {
    if (((chain[index] ^ hash) >> 1) == 0 && is_wanted(table, index, name)) return index;
    if ((chain[index] & 1) != 0) return 0;
  }
}

}  // namespace

void* find_in(const SymbolTable& table, const char* name, std::uint32_t hash) noexcept {
  if (table.symbols == nullptr || table.strings == nullptr) return nullptr;
  if (table.gnu_hash == nullptr) return table.hash == nullptr ? nullptr : find_in_all(table, name);
  const std::uint32_t index = find_hashed(table, name, hash, is_definition);
  return index == 0 ? nullptr : address_of(table, table.symbols[index]);
}

// One more than the last import's index. A linker that has nothing to hash says 1, with one empty
// bucket; then the relocations say it, of which every import has one.
std::uint32_t end_of_imports(const SymbolTable& table) noexcept {
  const std::uint32_t buckets = table.gnu_hash[0];
  const std::uint32_t first_hashed = table.gnu_hash[1];
  const std::uint32_t bloom_words = table.gnu_hash[2];
  const std::uint32_t words = sizeof(ElfW(Addr)) / sizeof(std::uint32_t);
  if (buckets != 1 || table.gnu_hash[4 + bloom_words * words] != 0) return first_hashed;
  std::uint32_t last = 0;
  visit_relocations(table, [&](const ElfW(Rela) & relocation) {
    last = symbol_of(relocation) > last ? symbol_of(relocation) : last;
    return false;
  });
  return last + 1;
}

// Imports stand before the symbols that are hashed; but one whose address a program of a fixed
// place takes is hashed like a definition.
bool imports_any(const SymbolTable& table, const char* names, std::size_t count) noexcept {
  if (table.symbols == nullptr || table.strings == nullptr) return false;
  if (table.gnu_hash == nullptr) return true;
  std::uint32_t initials = 0;  // a bit for each, as letters are: most names are passed over by it
  const char* name = names;
  for (std::size_t i = 0; i < count; ++i, name += strlen(name) + 1) {
    initials |= 1U << (*name & 31);
    if (find_hashed(table, name, gnu_hash_of(name), is_import) != 0) return true;
  }
  const std::uint32_t end = end_of_imports(table);
  for (std::uint32_t index = 1; index < end; ++index) {
    if ((initials >> (table.strings[table.symbols[index].st_name] & 31) & 1) == 0) continue;
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
