// Families and series, without the standard library's containers: what registry.h is to a program,
// for the constructor of this library. Called by: the modules' define functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "notch/abi.h"

namespace notch::preload {

using Words = std::initializer_list<std::string_view>;

struct Family {
  std::uint32_t id = 0;

  // The series of these label values, as many as the family has labels; the null handle if there
  // is no room.
  notch_series with(Words values) const noexcept;

  // The same of an up-down counter.
  notch_series with_gauge(Words values) const noexcept;

  // The same while the program runs; core.h says what that means.
  notch_series with_now(Words values) const noexcept;
  notch_series overflow_now() const noexcept;
};

// `unit` is empty, or what the name ends in. A name refused is a null family, and its handles
// count nothing. `quiet_labels`: by how many of its labels the family's series are grouped with
// those of others, to be shown once one of the group has counted; 0: they are shown as zeros.
Family define_counter(std::string_view name, std::string_view help, std::string_view unit,
                      Words labels, std::uint32_t quiet_labels = 0) noexcept;
Family define_up_down_counter(std::string_view name, std::string_view help, std::string_view unit,
                              Words labels) noexcept;
Family define_histogram(std::string_view name, std::string_view help, std::string_view unit,
                        Words labels, std::span<const double> bounds, std::size_t series_limit = 0,
                        std::uint32_t quiet_labels = 0) noexcept;

}  // namespace notch::preload
