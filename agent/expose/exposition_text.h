// A snapshot as text: the Prometheus format 0.0.4, or OpenMetrics 1.0, two dialects of one writer.
// Called by: write_page().
//
// Invariants
//   ET1  A family's lines stand together, its metadata first, each kind of metadata at most once.
//   ET2  `_count` and the +Inf bucket are one number; no exposition timestamps, no `_created`:
//        scrapers keep that as a series of its own. Created times are in protobuf.
//   ET3  A series is the same bytes in every page of its format.
//
// Where the dialects part:
//                      0.0.4                        OpenMetrics
//   counter x_total    TYPE and HELP name x_total   they name x
//   not _total         counter                      unknown
//   unknown            untyped                      unknown
//   HELP escapes       \ and LF                     \ " and LF
//   le of 1            "1"                          "1.0"
//   exemplars          none                         at _total and _bucket
//   unit               none                         # UNIT, if the name ends in it
//   _sum, _count       always                       both left out where a bound is negative or the
//                                                   sum is NaN or negative, as the format demands
//   end                nothing                      # EOF
// Native histograms become classic ones by the rule in classic_buckets.h.
#pragma once

#include <memory>

#include "agent/expose/page.h"
#include "agent/family/snapshot.h"

namespace notch::agent {

// As write_page().
Page write_text(const Snapshot& snapshot, std::shared_ptr<SpareMemory> spare = nullptr);
Page write_openmetrics(const Snapshot& snapshot, std::shared_ptr<SpareMemory> spare = nullptr);

}  // namespace notch::agent
