#include "agent/host/name_filter.h"

#include <re2/re2.h>

#include <stdexcept>

#include "shm/utf8.h"

namespace notch::agent {
namespace {

re2::RE2::Options quiet() {
  re2::RE2::Options options;
  options.set_log_errors(false);  // the caller tells them
  return options;
}

std::unique_ptr<re2::RE2> compiled(const std::string& pattern) {
  if (pattern.empty()) return nullptr;
  auto expression = std::make_unique<re2::RE2>(pattern, quiet());
  if (!expression->ok()) throw std::invalid_argument(NameFilter::fault(pattern));
  return expression;
}

}  // namespace

NameFilter::NameFilter(const NamePatterns& patterns)
    : exclude_(compiled(patterns.exclude)), include_(compiled(patterns.include)) {}
NameFilter::~NameFilter() = default;
NameFilter::NameFilter(NameFilter&&) noexcept = default;
NameFilter& NameFilter::operator=(NameFilter&&) noexcept = default;

std::string NameFilter::fault(const std::string& pattern) {
  const re2::RE2 expression(pattern, quiet());
  if (expression.ok()) return "";
  return "\"" + pattern + "\" is not a regular expression of RE2's: " + expression.error();
}

// The text by its parts: the type that RE2 takes is its own, and converts from std::string_view in
// some of its versions alone.
bool NameFilter::hides(std::string_view name) const {
  if (exclude_ == nullptr && include_ == nullptr) return false;
  std::string shown;
  if (!shm::is_valid_utf8(name)) name = shown = shm::valid_utf8(name);
  if (exclude_ != nullptr && re2::RE2::PartialMatch({name.data(), name.size()}, *exclude_))
    return true;
  return include_ != nullptr && !re2::RE2::PartialMatch({name.data(), name.size()}, *include_);
}

}  // namespace notch::agent
