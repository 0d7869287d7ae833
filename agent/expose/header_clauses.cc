#include "agent/expose/header_clauses.h"

#include <charconv>
#include <cstddef>

namespace notch::agent {
namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::string(text);
  std::string value;
  text = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    value += text[i];
  }
  return value;
}

// Takes the part before the first `separator` outside quotes from `rest`, and the separator.
std::string_view take_part(std::string_view& rest, char separator) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size() && (quoted || rest[end] != separator); ++end) {
    if (rest[end] == '"') quoted = !quoted;
    if (quoted && rest[end] == '\\' && end + 1 < rest.size()) ++end;
  }
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end < rest.size() ? end + 1 : end);
  return trimmed(part);
}

double weight(std::string_view text) {
  double q = 1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), q);
  if (error != std::errc() || end != text.data() + text.size()) return 1;
  if (q <= 0) return 0;
  return q < 1 ? q : 1;  // NaN too is 1
}

HeaderClause parse_clause(std::string_view text) {
  HeaderClause clause;
  clause.name = lower_case(take_part(text, ';'));
  while (!text.empty()) {
    std::string_view value = take_part(text, ';');
    std::string name = lower_case(take_part(value, '='));
    if (name.empty()) continue;
    if (name == "q") {
      clause.q = weight(value);
    } else {
      clause.parameters.emplace_back(std::move(name), unquoted(trimmed(value)));
    }
  }
  return clause;
}

}  // namespace

const std::string* HeaderClause::parameter(std::string_view parameter_name) const noexcept {
  for (const auto& found : parameters) {
    if (found.first == parameter_name) return &found.second;
  }
  return nullptr;
}

std::vector<HeaderClause> split_clauses(std::string_view header) {
  std::vector<HeaderClause> clauses;
  while (!header.empty()) {
    const std::string_view part = take_part(header, ',');
    if (part.empty()) continue;
    HeaderClause clause = parse_clause(part);
    if (!clause.name.empty()) clauses.push_back(std::move(clause));
  }
  return clauses;
}

}  // namespace notch::agent
