// Chooses the format and encoding of a page by a scraper's Accept and Accept-Encoding headers.
// Called by: scrape.
//
// The rules
//   1  A clause names a format by media type and version: text/plain 0.0.4 or none;
//      application/openmetrics-text 1.0.0, 0.0.1 or none, all answered in 1.0.0; protobuf with its
//      proto= and encoding=delimited. Other parameters, and any given twice, do no harm.
//   2  The highest q wins, then the clause that comes first. q above 1 is 1, unreadable is 1, and
//      0 refuses.
//   3  */* and text/* stand for text 0.0.4, and only if no clause names it.
//   4  Nothing that matches: text 0.0.4. Never an error.
//   5  The winning clause's escaping= is repeated in the answer, if it is one of the four known.
//   6  gzip if it is named with q above 0 and not below identity's, or else `*` is; otherwise
//   plain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/expose/page.h"

namespace notch::agent {

enum class Escaping : std::uint8_t { kUnstated, kAllowUtf8, kUnderscores, kDots, kValues };

struct Negotiated {
  Format format = Format::kText;
  Escaping escaping = Escaping::kUnstated;
  bool gzip = false;

  bool operator==(const Negotiated&) const = default;
};

// Headers that were not sent are empty; ones sent several times are joined by commas. Pure. Cost:
// linear in the headers' length.
Negotiated negotiate(std::string_view accept, std::string_view accept_encoding);

// The Content-Type header's value.
std::string content_type(Format format, Escaping escaping);

// The Vary header's value of every answer.
inline constexpr std::string_view kVary = "Accept, Accept-Encoding";

}  // namespace notch::agent
