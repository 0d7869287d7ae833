#include "agent/host/entropy.h"

#include "agent/host/fields.h"

namespace notch::agent {
namespace {

std::optional<std::uint64_t> number_of(HostFiles& files, const char* name) {
  std::string_view text = files.proc(name).value_or("");
  text = text.substr(0, text.find('\n'));
  return whole_number(take_word(text));
}

}  // namespace

CollectResult collect_entropy(HostFiles& files, FamilyList& families) {
  const auto available = number_of(files, "sys/kernel/random/entropy_avail");
  const auto size = number_of(files, "sys/kernel/random/poolsize");
  if (!available || !size) return CollectResult::failed("sys/kernel/random: no numbers");
  families.gauge("entropy_available_bits", "Bits of available entropy.",
                 static_cast<double>(*available));
  families.gauge("entropy_pool_size_bits", "Bits of entropy pool.", static_cast<double>(*size));
  return CollectResult::done();
}

}  // namespace notch::agent
