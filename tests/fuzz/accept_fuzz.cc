// The Accept and Accept-Encoding headers, from anybody who reaches the port: any bytes are taken,
// what comes of them is within its bounds, and an answer can be given. The input is both headers,
// the first up to a line feed. Called by: libFuzzer, and corpus_replay.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/expose/content_negotiation.h"
#include "agent/expose/header_clauses.h"

namespace {

using namespace notch::agent;

void require(bool kept) {
  if (!kept) std::abort();
}

bool is_lower(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

void check_clauses(std::string_view header) {
  std::size_t bytes = 0;
  for (const HeaderClause& clause : split_clauses(header)) {
    require(clause.q >= 0 && clause.q <= 1);
    require(is_lower(clause.name));
    bytes += clause.name.size();
    for (const auto& [name, value] : clause.parameters) {
      require(is_lower(name) && clause.parameter(name) != nullptr);
      bytes += name.size() + value.size();
    }
  }
  require(bytes <= header.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\n'), input.size());
  const std::string_view accept = input.substr(0, end);
  const std::string_view encoding = input.substr(std::min(end + 1, input.size()));
  check_clauses(accept);
  check_clauses(encoding);
  const Negotiated negotiated = negotiate(accept, encoding);
  require(negotiated == negotiate(accept, encoding));
  require(negotiated.gzip == negotiate("", encoding).gzip);
  require(!content_type(negotiated.format, negotiated.escaping).empty());
  return 0;
}
