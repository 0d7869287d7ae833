// Which of a host's things a collector shows, by their names: file systems, devices, sensors, fields of a kernel's text.
// Made by: host_options' patterns. Called by: the collectors; options checks patterns by it.
//
// Invariants
//   NF1  A pattern is RE2's, as node_exporter's are: it matches in time linear in the name, whatever it is, and
//        anywhere in the name unless ^ and $ say otherwise.
//   NF2  A name is matched as a page shows it: a byte that is no UTF-8 is U+FFFD.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}  // namespace re2

namespace notch::agent {

// Regular expressions. An empty one stands for none.
struct NamePatterns {
  std::string exclude;  // names that are not shown
  std::string include;  // the only names that are
};

class NameFilter {
 public:
  // Throws std::invalid_argument of a pattern that has a fault().
  explicit NameFilter(const NamePatterns& patterns);
  ~NameFilter();
  NameFilter(NameFilter&&) noexcept;
  NameFilter& operator=(NameFilter&&) noexcept;

  // The error in a pattern; empty if there is none.
  static std::string fault(const std::string& pattern);

  bool hides(std::string_view name) const;

 private:
  std::unique_ptr<re2::RE2> exclude_;  // null: none
  std::unique_ptr<re2::RE2> include_;
};

}  // namespace notch::agent
