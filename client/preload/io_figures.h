// The metrics of reads, writes and syncs: a handle for each operation and kind of descriptor.
// Called by: io.cc, which counts; life.cc, which has them defined.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/preload/descriptors.h"
#include "notch/counter.h"
#include "notch/histogram.h"

namespace notch::preload {

// The values of the label "error_type".
enum class IoError : std::uint8_t { kNoSpace, kDevice, kDisconnected, kBadDescriptor, kOther };
inline constexpr std::size_t kIoErrors = 5;

// One operation on one kind of descriptor.
struct IoFigures {
  Counter operations;
  Counter bytes;
  Counter errors[kIoErrors];
  Histogram duration;
};

extern IoFigures read_figures[kKinds];
extern IoFigures write_figures[kKinds];
extern IoFigures sync_figures;  // of files alone

void define_io_figures() noexcept;

// By errno, which it leaves.
void count_error(IoFigures& figures) noexcept;

// Whether a call that failed so is an error at all: not if it can be made again.
bool is_error(int error_number) noexcept;
IoError io_error_of(int error_number) noexcept;

}  // namespace notch::preload
