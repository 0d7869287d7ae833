// A snapshot as io.prometheus.client.MetricFamily messages, each behind its length: the one format
// that carries native histograms.
// Called by: write_page().
//
// Invariants
//   PB1  A histogram's sample_count is the sum of the buckets in the same message; a scraper rejects
//        the whole page over any other.
//   PB2  Native histograms always carry zero_threshold, which tells them from classic ones even when
//        empty, and classic buckets beside, for scrapers that ask for protobuf but not for natives.
//   PB3  Exemplars in field 16 have a time; in classic buckets stand the newest of each.
//   PB4  Counters and histograms carry the time they were created, where it is known. A scraper that
//        takes it has a zero there, and so the increase up to the first scrape.
#pragma once

#include <memory>

#include "agent/expose/page.h"
#include "agent/family/snapshot.h"

namespace notch::agent {

// As write_page().
Page write_protobuf(const Snapshot& snapshot, std::shared_ptr<SpareMemory> spare = nullptr);

}  // namespace notch::agent
