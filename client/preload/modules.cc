#include "client/preload/modules.h"

#include <string_view>

namespace notch::preload {
namespace {

struct Word {
  std::string_view word;
  std::uint32_t module;
};

constexpr Word kWords[] = {{"io", kIo},
                           {"net", kNet},
                           {"dns", kDns},
                           {"malloc", kMalloc},
                           {"locks", kLocks},
                           {"threads", kThreads},
                           {"http", kHttp},
                           {"tls", kTls},
                           {"all", kByDefault},
                           {"none", 0},
                           {"malloc_live", kMalloc | kMallocLive}};

}  // namespace

std::uint32_t active_modules = 0;

std::uint32_t modules_of(const char* words, const char** unknown) noexcept {
  std::string_view rest = words != nullptr ? words : "";
  if (rest.empty()) return kByDefault;
  std::uint32_t modules = 0;
  while (!rest.empty()) {
    const std::size_t end = rest.find(',') < rest.size() ? rest.find(',') : rest.size();
    const std::string_view word = rest.substr(0, end);
    bool known = word.empty();
    for (const Word& candidate : kWords) {
      if (candidate.word != word) continue;
      modules |= candidate.module;
      known = true;
    }
    if (!known && unknown != nullptr) *unknown = word.data();
    rest.remove_prefix(end < rest.size() ? end + 1 : end);
  }
  return modules;
}

}  // namespace notch::preload
