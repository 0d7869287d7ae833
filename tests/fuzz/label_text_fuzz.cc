// A row's label text, as it comes out of a ledger: any bytes are read within their bounds or
// refused, and what is read can be written and read again. Called by: libFuzzer, and corpus_replay.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/family/label_text.h"

namespace {

using namespace notch::agent;

void require(bool kept) {
  if (!kept) std::abort();
}

// The same labels as append_label() writes them; false if `text` is refused.
bool written_again(std::string_view text, std::string& again) {
  LabelReader reader(text);
  while (reader.next()) {
    require(!reader.name().empty());
    append_label(again, reader.name(), reader.value());
  }
  require(!reader.next());  // the end stays the end
  return !reader.failed();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string once;
  if (!written_again(text, once)) return 0;
  std::string twice;
  require(written_again(once, twice));
  require(once == twice);
  return 0;
}
