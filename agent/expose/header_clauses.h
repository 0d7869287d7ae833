// Splits a header of weighted clauses, `type/subtype;name=value;q=0.5, ...`, quotes respected.
// Called by: content_negotiation.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace notch::agent {

struct HeaderClause {
  std::string name;                                             // lower case
  double q = 1;                                                 // 0 to 1
  std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case; without q

  // The value of the first parameter of this name, or null.
  const std::string* parameter(std::string_view parameter_name) const noexcept;
};

// In the header's order; empty clauses are left out. Any bytes are taken.
std::vector<HeaderClause> split_clauses(std::string_view header);

}  // namespace notch::agent
