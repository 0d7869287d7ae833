#include "client/preload/loaded_objects.h"

#include <string.h>

#include <cstdint>

#include "client/preload/symbol_table.h"
#include "shm/memory_order.h"

// Another libc's loader has none of this name.
extern r_debug _r_debug __attribute__((weak));

namespace notch::preload {
namespace {

using Iterate = decltype(&dl_iterate_phdr);

constexpr int kMostBeforeLibc = 4096;

Iterate libcs;  // null until it was found

bool is_libc(const char* path) noexcept {
  if (path == nullptr) return false;
  const char* const slash = strrchr(path, '/');
  return strcmp(slash == nullptr ? path : slash + 1, "libc.so.6") == 0;
}

// Null if there is none.
const link_map* find_libc() noexcept {
  if (&_r_debug == nullptr) return nullptr;
  const link_map* object = _r_debug.r_map;
  for (int i = 0; object != nullptr && i < kMostBeforeLibc; ++i, object = object->l_next) {
    if (is_libc(object->l_name)) return object;
  }
  return nullptr;
}

// The list does not say how long an object is: libc's own tables are believed.
void* function_of(const link_map& object, const char* name) noexcept {
  ElfW(Phdr) all[2] = {};
  all[0].p_type = PT_LOAD;
  all[0].p_flags = PF_R | PF_X;
  all[0].p_memsz = ~ElfW(Xword){0} - object.l_addr;
  all[1].p_type = PT_DYNAMIC;
  all[1].p_vaddr = reinterpret_cast<ElfW(Addr)>(object.l_ld) - object.l_addr;
  dl_phdr_info info{};
  info.dlpi_addr = object.l_addr;
  info.dlpi_phdr = all;
  info.dlpi_phnum = 2;
  return find_in(symbol_table(info), name, gnu_hash_of(name));
}

Iterate find_iterate() noexcept {
  void* const found = libc_function("dl_iterate_phdr");
  return found == nullptr ? dl_iterate_phdr : reinterpret_cast<Iterate>(found);
}

}  // namespace

void* libc_function(const char* name) noexcept {
  const link_map* const libc = find_libc();
  return libc == nullptr ? nullptr : function_of(*libc, name);
}

int visit_objects(int (*visit)(dl_phdr_info*, std::size_t, void*), void* data) noexcept {
  Iterate known = shm::read_alone(libcs);  // relaxed: as a real function's address
  if (known == nullptr) {
    known = find_iterate();
    shm::write_alone(libcs, known);
  }
  return known(visit, data);
}

bool is_glibc() noexcept {
  return find_libc() != nullptr;
}

}  // namespace notch::preload
