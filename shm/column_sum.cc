#include "shm/column_sum.h"

#include <bit>
#include <cmath>

#include "shm/memory_order.h"

namespace notch::shm {
namespace {

// So many sums stay in registers while the columns pass by.
constexpr std::size_t kCellsAtOnce = 4;

}  // namespace

void add_columns(std::span<const std::uint64_t* const> columns, std::size_t first,
                 std::span<std::uint64_t> out) noexcept {
  std::size_t i = 0;
  for (; i + kCellsAtOnce <= out.size(); i += kCellsAtOnce) {
    std::uint64_t sum0 = 0;
    std::uint64_t sum1 = 0;
    std::uint64_t sum2 = 0;
    std::uint64_t sum3 = 0;
    for (const std::uint64_t* column : columns) {
      const std::uint64_t* cell = column + first + i;
      sum0 += read_alone(cell[0]);
      sum1 += read_alone(cell[1]);
      sum2 += read_alone(cell[2]);
      sum3 += read_alone(cell[3]);
    }
    out[i] += sum0;
    out[i + 1] += sum1;
    out[i + 2] += sum2;
    out[i + 3] += sum3;
  }
  for (; i < out.size(); ++i) {
    for (const std::uint64_t* column : columns) out[i] += read_alone(column[first + i]);
  }
}

void add_float_columns(std::span<const std::uint64_t* const> columns, std::size_t first,
                       std::span<double> out) noexcept {
  for (std::size_t i = 0; i < out.size(); ++i) {
    double sum = 0;
    for (const std::uint64_t* column : columns) {
      const double part = std::bit_cast<double>(read_alone(column[first + i]));
      if (std::isfinite(part)) sum += part;
    }
    out[i] += sum;
  }
}

}  // namespace notch::shm
