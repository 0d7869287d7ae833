#include "client/preload/next_symbol.h"

#include <string.h>

#include <cstdint>

#include "client/preload/loaded_objects.h"
#include "client/preload/symbol_table.h"

namespace notch::preload {
namespace {

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
  visit_objects(search_object, &behind_us);
  // A library that was opened late has libc before it.
  Search all_but_us{names, count, found, Search::Where::kAllButUs};
  visit_objects(search_object, &all_but_us);
}

void* find_any_symbol(const char* name) noexcept {
  void* found = nullptr;
  Search search{name, 1, &found, Search::Where::kAnywhere};
  visit_objects(search_object, &search);
  return found;
}

bool is_any_imported(const char* names, std::size_t count) noexcept {
  struct Question {
    const char* names;
    std::size_t count;
  } question{names, count};
  const auto ask = [](dl_phdr_info* object, std::size_t /*size*/, void* data) noexcept {
    const auto& asked = *static_cast<const Question*>(data);
    if (holds(*object, reinterpret_cast<std::uintptr_t>(&search_object))) return 0;
    return imports_any(symbol_table(*object), asked.names, asked.count) ? 1 : 0;
  };
  return visit_objects(ask, &question) != 0;
}

}  // namespace notch::preload
