// A family: one name and its label names; a series for every set of label values.
//
// For values that are few and known: a method, a status, a kind of error. Not for ids, addresses or
// texts: each new one is a series that stays.
//
// Use:
//   notch::Family<notch::Counter> requests =
//       notch::counter_family({"requests_total", "Requests served.", {"method", "code"}});
//   notch::Counter ok = requests.with("GET", "200");  // keep it: its adds look nothing up
//   ok.add();
//   requests.with("POST", "500").add();
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "notch/abi.h"
#include "notch/gauge.h"

namespace notch {

// M is Counter, FloatCounter, UpDownCounter, Gauge, Histogram or NativeHistogram. A handle of 8
// bytes: copies freely, never dangles. Get one from registry.h; a default one gives null handles.
template <class M>
class Family {
 public:
  Family() = default;
  explicit Family(std::uint32_t id, GaugeMode mode = GaugeMode::kSum) noexcept
      : id_(id), mode_(mode) {}

  // The series of these label values, in the order of the label names; made if it is new. An empty
  // value is the same as no label. Past the family's series limit, and for a value of more than
  // 1,024 bytes, it is the family's overflow series (label overflow="true"); bytes that are not
  // UTF-8 become U+FFFD; a wrong number of values gives a null handle. All of these are counted.
  // Cost: about 30 ns if known (a hash and a compare; async-signal-safe), about 0.5 us if new
  // (takes a lock; not for signal handlers). Keep the handle where you can.
  M with(std::span<const std::string_view> values) const noexcept {
    std::array<notch_text, kMostLabels> texts;
    const std::size_t count = values.size() < kMostLabels ? values.size() : kMostLabels;
    for (std::size_t i = 0; i < count; ++i) texts[i] = {values[i].data(), values[i].size()};
    return make(notch_v1_series(id_, texts.data(), values.size()));
  }

  template <class... Text>
  requires(std::is_convertible_v<const Text&, std::string_view>&&...) M with(const Text&... values)
  const noexcept {
    const std::array<notch_text, sizeof...(Text) + 1> texts{as_text(std::string_view(values))...,
                                                            notch_text{}};
    return make(notch_v1_series(id_, texts.data(), sizeof...(Text)));
  }

  explicit operator bool() const noexcept { return id_ != 0; }

 private:
  static constexpr std::size_t kMostLabels = 16;

  static notch_text as_text(std::string_view text) noexcept { return {text.data(), text.size()}; }

  M make(notch_series series) const noexcept {
    if constexpr (std::is_same_v<M, Gauge>) {
      return Gauge(series, mode_);
    } else {
      return M(series);
    }
  }

  std::uint32_t id_ = 0;
  GaugeMode mode_ = GaugeMode::kSum;
};

}  // namespace notch
