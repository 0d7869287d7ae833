// Every rule of names, labels, help, units and buckets, each by a definition that breaks it; and
// what a second definition of a name may say.
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "notch/health.h"
#include "notch/registry.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

notch_text text_of(const std::string& text) {
  return {text.data(), text.size()};
}

// All there is to say of a family, good until a case changes one word of it.
struct Wording {
  std::string name = "test_things_total";
  std::string help = "Things.";
  std::string unit = {};
  std::vector<std::string> labels = {};
  std::uint32_t type = NOTCH_COUNTER;
  std::uint32_t number = NOTCH_UNSIGNED;
  std::uint32_t mode = 0;
  std::vector<double> bounds = {};
  int schema = 0;
  double zero_threshold = 0;

  std::uint32_t define(notch_error& error) const {
    std::vector<notch_text> names;
    for (const std::string& label : labels) names.push_back(text_of(label));
    notch_definition definition{};
    definition.name = text_of(name);
    definition.help = text_of(help);
    definition.unit = text_of(unit);
    definition.label_names = names.data();
    definition.label_count = names.size();
    definition.type = type;
    definition.number = number;
    definition.gauge_mode = mode;
    definition.bounds = bounds.data();
    definition.bound_count = bounds.size();
    definition.schema = schema;
    definition.zero_threshold = zero_threshold;
    return notch_v1_define(&definition, &error);
  }
};

Wording histogram_of(std::vector<double> bounds) {
  Wording wording{.name = "test_seconds", .type = NOTCH_HISTOGRAM};
  wording.bounds = std::move(bounds);
  return wording;
}

Wording native_of(int schema, double zero_threshold) {
  Wording wording{.name = "test_native", .type = NOTCH_NATIVE_HISTOGRAM};
  wording.schema = schema;
  wording.zero_threshold = zero_threshold;
  return wording;
}

Wording labelled(std::vector<std::string> labels) {
  Wording wording;
  wording.labels = std::move(labels);
  return wording;
}

struct Refused {
  Wording wording;
  int code;
  const char* rule;  // a part of the message
};

std::vector<double> too_many_bounds() {
  std::vector<double> bounds;
  for (int i = 0; i < 257; ++i) bounds.push_back(i);
  return bounds;
}

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinity = std::numeric_limits<double>::infinity();

const std::vector<Refused>& refused() {
  static const std::vector<Refused> all = {
      {{.name = ""}, NOTCH_INVALID_NAME, "needs a name"},
      {{.name = "a_" + std::string(200, 'b') + "_total"}, NOTCH_INVALID_NAME, "200 bytes"},
      {{.name = "HttpRequests"}, NOTCH_INVALID_NAME, "snake_case"},
      {{.name = "9_total"}, NOTCH_INVALID_NAME, "snake_case"},
      {{.name = "test_\xc3\xa4_total"}, NOTCH_INVALID_NAME, "snake_case"},
      {{.name = std::string("test_\0_total", 12)}, NOTCH_INVALID_NAME, "snake_case"},
      {{.name = "things"}, NOTCH_INVALID_NAME, "namespace"},
      {{.name = "test__things_total"}, NOTCH_INVALID_NAME, "single underscores"},
      {{.name = "test_total_"}, NOTCH_INVALID_NAME, "single underscores"},
      {{.name = "notch_agent_x_total"}, NOTCH_INVALID_NAME, "belong to the agent"},
      {{.name = "test_things"}, NOTCH_INVALID_NAME, "ends in _total"},
      {{.name = "test_x_total", .type = NOTCH_GAUGE, .number = NOTCH_FLOAT, .mode = 1},
       NOTCH_INVALID_NAME,
       "only a counter"},
      {{.name = "test_x_count", .type = NOTCH_GAUGE, .number = NOTCH_FLOAT, .mode = 1},
       NOTCH_INVALID_NAME,
       "exposition format"},
      {{.name = "test_x_bucket", .type = NOTCH_UP_DOWN_COUNTER, .number = NOTCH_SIGNED},
       NOTCH_INVALID_NAME,
       "exposition format"},
      {{.help = ""}, NOTCH_INVALID_HELP, "needs a help text"},
      {{.help = std::string(4097, 'h')}, NOTCH_INVALID_HELP, "4096 bytes"},
      {{.help = "\xff"}, NOTCH_INVALID_HELP, "valid UTF-8"},
      {{.unit = "Seconds"}, NOTCH_INVALID_UNIT, "snake_case"},
      {{.unit = "seconds"}, NOTCH_INVALID_UNIT, "ends in _<unit>"},
      {labelled(std::vector<std::string>(17, "a")), NOTCH_INVALID_LABEL, "at most 16 labels"},
      {labelled({"1st"}), NOTCH_INVALID_LABEL, "no digit first"},
      {labelled({""}), NOTCH_INVALID_LABEL, "letters, digits"},
      {labelled({"a-b"}), NOTCH_INVALID_LABEL, "letters, digits"},
      {labelled({std::string(201, 'l')}), NOTCH_INVALID_LABEL, "200 bytes"},
      {labelled({"__name__"}), NOTCH_INVALID_LABEL, "reserved by Prometheus"},
      {labelled({"quantile"}), NOTCH_INVALID_LABEL, "summaries"},
      {labelled({"overflow"}), NOTCH_INVALID_LABEL, "overflow"},
      {labelled({"code", "code"}), NOTCH_INVALID_LABEL, "twice"},
      {labelled({"le"}), NOTCH_INVALID_LABEL, "histogram's buckets"},
      {histogram_of({}), NOTCH_INVALID_BUCKETS, "needs bounds"},
      {histogram_of({1, 1}), NOTCH_INVALID_BUCKETS, "strictly increasing"},
      {histogram_of({2, 1}), NOTCH_INVALID_BUCKETS, "strictly increasing"},
      {histogram_of({-0.0, 0.0}), NOTCH_INVALID_BUCKETS, "strictly increasing"},
      {histogram_of({1, kInfinity}), NOTCH_INVALID_BUCKETS, "finite"},
      {histogram_of({kNan}), NOTCH_INVALID_BUCKETS, "finite"},
      {histogram_of(too_many_bounds()), NOTCH_INVALID_BUCKETS, "256 bounds"},
      {native_of(9, 1), NOTCH_INVALID_BUCKETS, "-4 to 8"},
      {native_of(-5, 1), NOTCH_INVALID_BUCKETS, "-4 to 8"},
      {native_of(3, 0), NOTCH_INVALID_BUCKETS, "zero threshold"},
      {native_of(3, kNan), NOTCH_INVALID_BUCKETS, "zero threshold"},
      {{.number = NOTCH_SIGNED}, NOTCH_INVALID_ARGUMENT, "unsigned or float"},
      {{.name = "test_x", .type = NOTCH_GAUGE, .number = NOTCH_FLOAT},
       NOTCH_INVALID_ARGUMENT,
       "mode"},
      {{.name = "test_x", .type = 77}, NOTCH_INVALID_ARGUMENT, "not a type"},
  };
  return all;
}

class Definition : public SegmentDirectory {};

TEST_F(Definition, ThatBreaksARuleIsRefusedInWordsThatNameBoth) {
  expect_quiet_success([] {
    std::uint64_t dropped = 0;
    for (const Refused& one : refused()) {
      notch_error error{};
      const std::string shown = one.wording.name.substr(0, 4);
      require(one.wording.define(error) == 0, one.rule);
      require(error.code == one.code, error.message);
      require(std::string(error.message).find(one.rule) != std::string::npos, error.message);
      require(std::string(error.message).find('"' + shown) == 0, error.message);
      require(health().dropped == ++dropped, "each refusal is counted");
    }
  });
  EXPECT_EQ(segments().at(0).drops(shm::DropReason::kInvalidDefinition), refused().size());
  EXPECT_EQ(segments().at(0).series.size(), 0U);
}

TEST_F(Definition, IsFoundAgainByTheSameWords) {
  expect_quiet_success([] {
    for (const Wording& wording :
         {Wording{}, labelled({"a", "b"}), histogram_of({-0.0, 1}), native_of(3, 0x1p-128)}) {
      Wording mine = wording;
      mine.name = "again_" + std::to_string(mine.type) + std::to_string(mine.labels.size()) +
                  (mine.type == NOTCH_COUNTER ? "_total" : "");
      notch_error error{};
      const std::uint32_t family = mine.define(error);
      require(family != 0, error.message);
      mine.help = "Another help text: the first one stays.";
      require(mine.define(error) == family, error.message);
    }
  });
}

TEST_F(Definition, ThatSaysOtherwiseIsAConflict) {
  expect_quiet_success([] {
    notch_error error{};
    Wording first = labelled({"a"});
    NOTCH_REQUIRE(first.define(error) != 0);
    NOTCH_REQUIRE(histogram_of({1, 2}).define(error) != 0);
    std::vector<Wording> others(4, first);
    others[0].number = NOTCH_FLOAT;
    others[1].labels = {"b"};
    others[2].labels = {"a", "b"};
    others[3].name = "test_seconds";
    others[3].type = NOTCH_UP_DOWN_COUNTER;
    others[3].number = NOTCH_SIGNED;
    others.push_back(histogram_of({1, 3}));
    others.push_back(histogram_of({1}));
    for (const Wording& other : others) {
      require(other.define(error) == 0, other.name.c_str());
      require(error.code == NOTCH_CONFLICT, error.message);
    }
  });
  EXPECT_EQ(segments().at(0).drops(shm::DropReason::kConflict), 6U);
}

TEST_F(Definition, IsRefusedAloudOnlyIfNotchDebugAsks) {
  const auto define_wrongly = [] { counter({.name = "Wrong", .help = "Wrong."}); };
  EXPECT_EQ(run_child(define_wrongly).output, "");
  const Ending loud = run_child([&] {
    setenv("NOTCH_DEBUG", "1", 1);
    define_wrongly();
  });
  EXPECT_NE(loud.output.find("\"Wrong\": a metric name is snake_case"), std::string::npos)
      << loud.output;
}

TEST_F(Definition, OfAnotherCustomIsTakenWithAdviceIfNotchDebugAsks) {
  const auto define_all = [] {
    counter({.name = "test_wait_ms_total", .help = "W.", .unit = "ms"}).add();
    gauge({.name = "test_load_percent", .help = "L."}).set(1);
    counter_family({.name = "test_pods_total", .help = "P.", .labels = {"podName"}})
        .with("a")
        .add();
    counter({.name = "test_seconds_total", .help = "S.", .unit = "seconds"}).add();
    counter_family({.name = "test_ms_calls_total", .help = "C.", .labels = {"pod_1"}})
        .with("a")
        .add();
    NOTCH_REQUIRE(health().dropped == 0);
  };
  const Ending quiet = run_child(define_all);
  EXPECT_EQ(quiet.output, "");
  const Ending loud = run_child([&] {
    setenv("NOTCH_DEBUG", "1", 1);
    define_all();
  });
  for (const char* advised : {"\"test_wait_ms_total\": Prometheus counts in base units",
                              "\"test_load_percent\": Prometheus counts in base units",
                              "\"test_pods_total\": label names are snake_case"})
    EXPECT_NE(loud.output.find(advised), std::string::npos) << loud.output;
  for (const char* usual : {"test_seconds_total", "test_ms_calls_total"})
    EXPECT_EQ(loud.output.find(usual), std::string::npos) << loud.output;
  EXPECT_EQ(count("test_pods_total", {"a"}), 2U);
}

TEST_F(Definition, NullIsAnArgumentAndNotACrash) {
  expect_quiet_success([] {
    notch_error error{};
    NOTCH_REQUIRE(notch_v1_define(nullptr, &error) == 0);
    NOTCH_REQUIRE(error.code == NOTCH_INVALID_ARGUMENT);
    NOTCH_REQUIRE(notch_v1_define(nullptr, nullptr) == 0);
    notch_definition nothing{};
    nothing.name.size = 5;  // of a null pointer
    NOTCH_REQUIRE(notch_v1_define(&nothing, &error) == 0);
  });
}

}  // namespace
}  // namespace notch::test
