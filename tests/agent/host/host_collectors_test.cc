// Collectors that fail in every way a collector can: the agent goes on, the others' figures are
// whole, and what failed is told and counted.
#include "agent/host/host_collectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "agent/family/row_slots.h"
#include "agent/family/snapshot.h"

namespace notch::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

bool sampling_fails = false;
bool collecting_fails = false;

// Throws where it is told to; in a scrape halfway through its rows.
struct Thrower : HostCollector {
  void sample(HostFiles&) override {
    if (sampling_fails) throw std::bad_alloc();
  }
  CollectResult collect(HostFiles&, FamilyList& families) override {
    families.begin(MetricType::kGauge, "thrown", "Help.");
    families.add(1, {{"half", "first"}});
    if (collecting_fails) {
      throw std::filesystem::filesystem_error("no such folder",
                                              std::make_error_code(std::errc::io_error));
    }
    families.add(2, {{"half", "second"}});
    return CollectResult::done();
  }
};

// Says that it failed after it had begun to emit.
struct Halfway : HostCollector {
  CollectResult collect(HostFiles&, FamilyList& families) override {
    families.gauge("halfway", "Help.", 1);
    return CollectResult::failed("halfway: broken");
  }
};

struct Good : HostCollector {
  int samples = 0;
  void sample(HostFiles&) override { ++samples; }
  CollectResult collect(HostFiles&, FamilyList& families) override {
    families.begin(MetricType::kGauge, "samples", "Help.");
    families.add(samples, {{"of", "good"}});
    return CollectResult::done();
  }
};

template <class Collector>
std::unique_ptr<HostCollector> make(const HostOptions&) {
  return std::make_unique<Collector>();
}
constexpr HostCollectorEntry kTable[] = {
    {"halfway", make<Halfway>}, {"thrower", make<Thrower>}, {"good", make<Good>}};

class HostCollectorsThatFail : public ::testing::Test {
 protected:
  HostCollectorsThatFail() {
    sampling_fails = false;
    collecting_fails = false;
    collectors_.on_error = [this](std::string_view name, const std::string& message) {
      told_.push_back(std::string(name) + ": " + message);
    };
  }

  // Every row of a scrape: `family{labels}` and its value.
  std::map<std::string, double> scrape() {
    const Snapshot snapshot =
        collectors_.gather(std::vector<bool>(collectors_.names().size(), true));
    std::map<std::string, double> rows;
    for (const FamilySnapshot& family : snapshot.families) {
      if (family.family->name == "node_scrape_collector_duration_seconds") continue;
      for (const Row& row : family.rows) {
        rows[family.family->name + "{" + std::string(row.labels) + "}"] =
            scalar_value(*family.family, family.slots[row.first_slot]);
      }
    }
    return rows;
  }

  static HostOptions options() {
    HostOptions options;
    options.collectors = {"halfway", "thrower", "good"};
    return options;
  }

  HostDrops drops_;
  HostCollectors collectors_{options(), drops_, kTable};
  std::vector<std::string> told_;
};

constexpr const char* kHalfwaySuccess = "node_scrape_collector_success{collector=\"halfway\"}";
constexpr const char* kThrowerSuccess = "node_scrape_collector_success{collector=\"thrower\"}";
constexpr const char* kGoodSuccess = "node_scrape_collector_success{collector=\"good\"}";

TEST_F(HostCollectorsThatFail, InAScrapeTakeBackWhatTheyHadAddedAndNothingElse) {
  collecting_fails = true;
  collectors_.sample();
  EXPECT_THAT(scrape(),
              UnorderedElementsAre(Pair("node_samples{of=\"good\"}", 1), Pair(kHalfwaySuccess, 0),
                                   Pair(kThrowerSuccess, 0), Pair(kGoodSuccess, 1),
                                   Pair(StartsWith("node_exporter_build_info{version="), 1)));
  EXPECT_THAT(told_, ElementsAre("halfway: halfway: broken",
                                 HasSubstr("thrower: filesystem error: no such folder")));
  EXPECT_THAT(collectors_.errors(), UnorderedElementsAre(Pair("halfway", 1), Pair("thrower", 1)));
}

TEST_F(HostCollectorsThatFail, AtTheirIntervalHaveNoSuccessUntilTheNextThatGoesWell) {
  sampling_fails = true;
  collectors_.sample();
  // Those behind it are sampled all the same.
  EXPECT_THAT(scrape(), Contains(Pair("node_samples{of=\"good\"}", 1)));
  const auto failed = scrape();
  EXPECT_THAT(failed, Contains(Pair(kThrowerSuccess, 0)));
  EXPECT_THAT(failed, Contains(Pair(kGoodSuccess, 1)));
  EXPECT_THAT(collectors_.errors(), Contains(Pair("thrower", 2)));
  EXPECT_THAT(told_, Contains("thrower: std::bad_alloc"));
  sampling_fails = false;
  collectors_.sample();
  const auto mended = scrape();
  EXPECT_THAT(mended, Contains(Pair(kThrowerSuccess, 1)));
  EXPECT_THAT(mended, Contains(Pair("node_thrown{half=\"second\"}", 2)));
  EXPECT_THAT(collectors_.errors(), Contains(Pair("thrower", 2)));
}

}  // namespace
}  // namespace notch::agent
