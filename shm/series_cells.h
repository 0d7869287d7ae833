// How many cells a series owns, by its family's type, without the chunks of a native histogram; layout.h says what is in them.
// Called by: catalogue_follower; the client's registry.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shm/layout.h"

namespace notch::shm {

// 0: there is no such type.
constexpr std::uint32_t series_cells(FamilyType type, GaugeMode mode, std::size_t bounds) noexcept {
  switch (type) {
    case FamilyType::kCounter:
    case FamilyType::kUpDownCounter:
      return 1;
    case FamilyType::kGauge:
      return mode == GaugeMode::kLast ? 2 : 1;
    case FamilyType::kHistogram:
      return static_cast<std::uint32_t>(bounds) + 2;
    case FamilyType::kNativeHistogram:
      return kNativeBaseCells;
  }
  return 0;
}

}  // namespace notch::shm
