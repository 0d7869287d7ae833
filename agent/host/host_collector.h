// The shape of a source of host figures: read text, parse it to a plain struct, emit families.
// Implemented by: each collector of this folder. Called by: host_collectors.
//
// Invariants
//   HC1  collect() emits what it has parsed whole, or nothing: it parses before it emits.
//   HC2  collect() does not block: it reads /proc and /sys, and leaves what may hang to a thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "agent/host/family_list.h"
#include "agent/host/host_files.h"

namespace notch::agent {

struct CollectResult {
  enum class Kind : std::uint8_t {
    kDone,
    kNoData,  // this host has no such thing: no success, and no error
    kFailed,  // it has, and cannot be read; `message` says what and why
  };
  Kind kind = Kind::kDone;
  std::string message;

  static CollectResult done() { return {}; }
  static CollectResult no_data() { return {Kind::kNoData, ""}; }
  static CollectResult failed(std::string message) { return {Kind::kFailed, std::move(message)}; }
};

class HostCollector {
 public:
  virtual ~HostCollector() = default;

  // Called every HostOptions::interval_s, for figures that need a time of known length. May throw
  // as collect() may.
  virtual void sample(HostFiles&) {}

  // May throw what the standard library throws: the caller counts it as a failure.
  virtual CollectResult collect(HostFiles& files, FamilyList& families) = 0;
};

// Most collectors keep nothing between scrapes: they are a function.
using CollectFunction = CollectResult (*)(HostFiles&, FamilyList&);

}  // namespace notch::agent
