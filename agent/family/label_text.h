// A row's labels as one piece of text, `a="x",b="y"`, the form both text formats print unchanged.
// Called by: binder, tally, prometheus_cpp_families (append_label), exposition_protobuf
// (LabelReader).
//
// Invariants
//   LT1  What append_label() wrote, LabelReader reads back as the same names and values.
//   LT2  An empty value writes nothing: to Prometheus an empty label is no label.
#pragma once

#include <string>
#include <string_view>

namespace notch::agent {

// Appends one label, after a comma if `text` is not empty. Escapes \ " and LF; replaces invalid
// UTF-8.
void append_label(std::string& text, std::string_view name, std::string_view value);

// Walks the labels of a row's text.
class LabelReader {
 public:
  explicit LabelReader(std::string_view text) : rest_(text) {}

  // Moves to the next label. False at the end, and at text that is not in the form above; failed()
  // tells the two apart.
  bool next();
  bool failed() const noexcept { return failed_; }

  // Hold until the next call of next().
  std::string_view name() const noexcept { return name_; }
  std::string_view value() const noexcept { return value_; }

 private:
  bool fail() noexcept;
  bool read_value();

  std::string_view rest_;
  std::string_view name_;
  std::string_view value_;
  std::string unescaped_;  // what value_ points at when the text had escapes
  bool failed_ = false;
};

}  // namespace notch::agent
