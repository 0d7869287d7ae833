// The outcome of a definition: fine, or which rule was broken, in words that name the metric.
//
// For programs whose metrics' names come from elsewhere, and for tests. Others leave it out, and set
// NOTCH_DEBUG=1 to have the same line printed.
//
// Use:
//   #include <iostream>
//   notch::Status status;
//   notch::counter({"HttpRequests", "Requests."}, &status).add();  // refused: counts nothing
//   if (!status) std::cerr << status.message() << '\n';
#pragma once

#include <string_view>

#include "notch/abi.h"

namespace notch {

// A value; copies freely, allocates nothing. Default: OK.
class Status {
 public:
  Status() = default;

  bool ok() const noexcept { return error_.code == NOTCH_OK; }
  explicit operator bool() const noexcept { return ok(); }

  // Which kind of rule; see enum notch_code in abi.h.
  notch_code code() const noexcept { return static_cast<notch_code>(error_.code); }

  // One line, empty if ok(), such as:
  // "HttpRequests": a metric name is snake_case: a-z first, then a-z, 0-9 and _
  std::string_view message() const noexcept { return error_.message; }

  // For the library's calls that fill an error in.
  notch_error* raw() noexcept { return &error_; }

 private:
  notch_error error_{};
};

}  // namespace notch
