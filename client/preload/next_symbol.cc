#include "client/preload/next_symbol.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#include <cstdint>

namespace notch::preload {
namespace {

constexpr std::uint16_t kHiddenVersion = 0x8000;

// What an object says of its own dynamic symbols.
struct SymbolTable {
  ElfW(Addr) base = 0;
  const ElfW(Sym) * symbols = nullptr;
  const char* strings = nullptr;
  const std::uint16_t* versions = nullptr;
  const std::uint32_t* gnu_hash = nullptr;
};

SymbolTable symbol_table(const dl_phdr_info& object) noexcept {
  SymbolTable table;
  table.base = object.dlpi_addr;
  const ElfW(Dyn)* entry = nullptr;
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type == PT_DYNAMIC)
      entry = reinterpret_cast<const ElfW(Dyn)*>(table.base + object.dlpi_phdr[i].p_vaddr);
  }
  for (; entry != nullptr && entry->d_tag != DT_NULL; ++entry) {
    // The loader has made addresses of the offsets, but for the kernel's own object.
    ElfW(Addr) address = entry->d_un.d_ptr;
    if (address < table.base) address += table.base;
    if (entry->d_tag == DT_SYMTAB) table.symbols = reinterpret_cast<const ElfW(Sym)*>(address);
    if (entry->d_tag == DT_STRTAB) table.strings = reinterpret_cast<const char*>(address);
    if (entry->d_tag == DT_VERSYM) table.versions = reinterpret_cast<const std::uint16_t*>(address);
    if (entry->d_tag == DT_GNU_HASH)
      table.gnu_hash = reinterpret_cast<const std::uint32_t*>(address);
  }
  return table;
}

std::uint32_t gnu_hash_of(const char* name) noexcept {
  std::uint32_t hash = 5381;
  for (; *name != '\0'; ++name) hash = hash * 33 + static_cast<unsigned char>(*name);
  return hash;
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

// By DT_GNU_HASH: header (buckets, first hashed symbol, bloom words, shift), bloom filter, buckets,
// and one hash for each symbol, the last of a bucket with its lowest bit set.
void* find_in(const SymbolTable& table, const char* name, std::uint32_t hash) noexcept {
  if (table.gnu_hash == nullptr || table.symbols == nullptr || table.strings == nullptr)
    return nullptr;
  constexpr std::uint32_t kWordBits = sizeof(ElfW(Addr)) * 8;
  const std::uint32_t buckets = table.gnu_hash[0];
  const std::uint32_t first = table.gnu_hash[1];
  const std::uint32_t bloom_words = table.gnu_hash[2];
  const auto* const bloom = reinterpret_cast<const ElfW(Addr)*>(table.gnu_hash + 4);
  const auto* const bucket = reinterpret_cast<const std::uint32_t*>(bloom + bloom_words);
  const ElfW(Addr) word = bloom[hash / kWordBits % bloom_words];
  const std::uint32_t second = hash >> table.gnu_hash[3];
  if ((word >> (hash % kWordBits) & word >> (second % kWordBits) & 1) == 0) return nullptr;
  std::uint32_t index = bucket[hash % buckets];
  if (index < first) return nullptr;
  for (const std::uint32_t* chain = bucket + buckets - first;; ++index) {
    if (((chain[index] ^ hash) >> 1) == 0 && is_definition(table, index, name))
      return address_of(table, table.symbols[index]);
    if ((chain[index] & 1) != 0) return nullptr;
  }
}

bool holds(const dl_phdr_info& object, std::uintptr_t address) noexcept {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object.dlpi_phdr[i];
    const std::uintptr_t begin = object.dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && address >= begin && address - begin < part.p_memsz) return true;
  }
  return false;
}

// A search of every object in the order of loading.
struct Search {
  const char* names;
  std::size_t count;
  void** found;
  enum class Where { kBehindUs, kAllButUs, kAnywhere } where;
  bool past_us = false;
};

int search_object(dl_phdr_info* object, std::size_t /*size*/, void* data) noexcept {
  auto& search = *static_cast<Search*>(data);
  const bool is_ours = holds(*object, reinterpret_cast<std::uintptr_t>(&search_object));
  const bool was_past_us = search.past_us;
  search.past_us = search.past_us || is_ours;
  if (is_ours && search.where != Search::Where::kAnywhere) return 0;
  if (!was_past_us && search.where == Search::Where::kBehindUs) return 0;
  const SymbolTable table = symbol_table(*object);
  const char* name = search.names;
  for (std::size_t i = 0; i < search.count; ++i, name += strlen(name) + 1) {
    if (search.found[i] == nullptr) search.found[i] = find_in(table, name, gnu_hash_of(name));
  }
  return 0;
}

}  // namespace

void find_next_symbols(const char* names, std::size_t count, void** found) noexcept {
  Search behind_us{names, count, found, Search::Where::kBehindUs};
  dl_iterate_phdr(search_object, &behind_us);
  // A library that was opened late has libc before it.
  Search all_but_us{names, count, found, Search::Where::kAllButUs};
  dl_iterate_phdr(search_object, &all_but_us);
}

void* find_any_symbol(const char* name) noexcept {
  void* found = nullptr;
  Search search{name, 1, &found, Search::Where::kAnywhere};
  dl_iterate_phdr(search_object, &search);
  return found;
}

}  // namespace notch::preload
