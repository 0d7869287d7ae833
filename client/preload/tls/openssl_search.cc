#include "client/preload/tls/openssl_search.h"

#include <dlfcn.h>
#include <string.h>

#include <span>
#include <string_view>

#include "client/preload/loaded_objects.h"
#include "client/preload/next_symbol.h"
#include "client/preload/symbol_table.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

constexpr char kNames[] =
#define NOTCH_TLS(result, name, ...) #name "\0"
#define NOTCH_TLS_NEW(result, name, ...) #name "\0"
#define NOTCH_TLS_QUERY(result, name, parameters) #name "\0"
#include "client/preload/tls/tls_wrappers.def"
    ;
constexpr std::size_t kFunctions = offsetof(OpenSsl, begin) / sizeof(void*);

// A symbol that every OpenSSL has.
constexpr const char* kMark = "SSL_read";

// Objects that define kMark, at most; more than are ever kept.
constexpr std::size_t kMostCandidates = kMostOpenSsls;

struct Object {
  SymbolTable table;
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;

  bool has(std::uintptr_t address) const noexcept { return address >= begin && address < end; }
};

struct Search {
  std::uintptr_t caller_address = 0;
  Object caller;
  Object candidates[kMostCandidates];
  std::size_t count = 0;
};

Object object_of(const dl_phdr_info& info) noexcept {
  Object object{.table = symbol_table(info), .begin = ~std::uintptr_t{0}};
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info.dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    const std::uintptr_t begin = info.dlpi_addr + part.p_vaddr;
    if (begin < object.begin) object.begin = begin;
    if (begin + part.p_memsz > object.end) object.end = begin + part.p_memsz;
  }
  return object;
}

int look_at_object(dl_phdr_info* info, std::size_t /*size*/, void* data) noexcept {
  auto& search = *static_cast<Search*>(data);
  const Object object = object_of(*info);
  if (holds(*info, search.caller_address)) search.caller = object;
  const bool is_ours = holds(*info, reinterpret_cast<std::uintptr_t>(&look_at_object));
  if (is_ours || search.count == kMostCandidates) return 0;
  if (find_in(object.table, kMark, gnu_hash_of(kMark)) != nullptr)
    search.candidates[search.count++] = object;
  return 0;
}

const Object* candidate_with(const Search& search, std::uintptr_t address) noexcept {
  for (std::size_t i = 0; i < search.count; ++i) {
    if (search.candidates[i].has(address)) return &search.candidates[i];
  }
  return nullptr;
}

// --- what the loader has bound for the caller ---

// Calls `visit` with each symbol that an object refers to and does not define, and what it is bound
// to, until it says true.
template <class Visit>
void visit_references(const SymbolTable& table, Visit visit) noexcept {
  visit_relocations(table, [&](const ElfW(Rela) & relocation) {
    const std::uint32_t index = symbol_of(relocation);
    if (index == 0 || index >= table.symbols.size()) return false;
    const ElfW(Sym)& symbol = table.symbols[index];
    const auto place = entries_at<std::uintptr_t>(table, table.base + relocation.r_offset);
    return symbol.st_shndx == SHN_UNDEF && !place.empty() && visit(symbol, place[0]);
  });
}

bool begins_as(const SymbolTable& table, const ElfW(Sym) & symbol,
               std::string_view start) noexcept {
  const auto name = symbol.st_name < table.strings.size() ? table.strings.subspan(symbol.st_name)
                                                          : std::span<const char>();
  return std::string_view(name.data(), name.size()).starts_with(start);
}

const Object* bound_candidate(const Search& search) noexcept {
  const Object* found = nullptr;
  const SymbolTable& table = search.caller.table;
  visit_references(table, [&](const ElfW(Sym) & symbol, std::uintptr_t bound) {
    if (!begins_as(table, symbol, "SSL_")) return false;
    found = candidate_with(search, bound);
    return found != nullptr;
  });
  return found;
}

// The address of an object's method is one of its first words.
const Object* candidate_of_object(const Search& search, const void* object) noexcept {
  std::uintptr_t words[kObjectWords];
  memcpy(words, object, sizeof words);
  for (const std::uintptr_t word : words) {
    if (const Object* const found = candidate_with(search, word)) return found;
  }
  return nullptr;
}

const Object* choose(const Search& search, const void* object) noexcept {
  if (search.count == 0) return nullptr;
  if (search.count == 1) return &search.candidates[0];
  const Object* found = object != nullptr ? candidate_of_object(search, object) : nullptr;
  if (found == nullptr) found = candidate_with(search, search.caller_address);
  if (found == nullptr) found = bound_candidate(search);
  return found != nullptr ? found : &search.candidates[0];
}

int look_at_state(dl_phdr_info* info, std::size_t /*size*/, void* data) noexcept {
  *static_cast<std::uint64_t*>(data) = info->dlpi_adds << 32 | (info->dlpi_subs & 0xffffffff);
  return 1;
}

}  // namespace

LoadedObject loaded_object(std::uintptr_t address) noexcept {
  using Find = int (*)(void* address, dl_find_object* found);
  static Find find;                    // by its name: glibc has it from 2.35 on
  Find known = shm::read_alone(find);  // relaxed: as a real function's address
  if (known == nullptr) {
    known = reinterpret_cast<Find>(find_any_symbol("_dl_find_object"));
    shm::write_alone(find, known);
  }
  dl_find_object found{};
  if (known == nullptr || known(reinterpret_cast<void*>(address), &found) != 0) return {};
  return {found.dlfo_link_map, found.dlfo_eh_frame, found.dlfo_map_start};
}

std::uint64_t loader_state() noexcept {
  std::uint64_t state = 0;
  visit_objects(look_at_state, &state);
  return state;
}

FoundOpenSsl search_openssl(const void* object, const void* caller) noexcept {
  Search search;
  search.caller_address = reinterpret_cast<std::uintptr_t>(caller);
  visit_objects(look_at_object, &search);
  FoundOpenSsl found{};
  found.count = search.count;
  const Object* const chosen = choose(search, object);
  if (chosen == nullptr) return found;
  auto* const functions = reinterpret_cast<void**>(&found.functions);
  const char* name = kNames;
  for (std::size_t i = 0; i < kFunctions; ++i, name += strlen(name) + 1) {
    functions[i] = find_in(chosen->table, name, gnu_hash_of(name));
  }
  found.functions.begin = chosen->begin;
  found.functions.end = chosen->end;
  found.functions.loaded = loaded_object(chosen->begin);
  return found;
}

}  // namespace notch::preload
