// Exchanges of many threads whose label sets are all new: each is counted in its own, or by reason
// among the unobserved, never nowhere.
#include "client/preload/http_figures.h"

#include <gtest/gtest.h>

#include <barrier>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "client/registry_lock.h"
#include "tests/client/segment_directory.h"

namespace notch::preload {
namespace {

constexpr int kThreads = 4;
constexpr std::uint16_t kFirstStatus = 200;
constexpr std::uint16_t kStatuses = 100;  // fewer than a family's label sets

HttpRoutes routes;

HttpExchange exchange_of(std::uint16_t status) {
  HttpExchange exchange{};
  exchange.role = HttpRole::kServer;
  exchange.method = HttpMethod::kGet;
  exchange.timed = true;
  exchange.status = status;
  exchange.response_body_bytes = 10;
  exchange.duration = 1000;
  return exchange;
}

void count_one(std::uint16_t status) {
  const HttpExchange exchange = exchange_of(status);
  count_started({exchange.role, exchange.method, exchange.secure});
  count_finished(exchange, 0, routes);
}

void begin() {
  NOTCH_REQUIRE(begin_core());
  end_of_postponable();
  reserve_label_sets(define_http_figures(false));
  NOTCH_REQUIRE(close_definitions());
}

class HttpFigures : public test::SegmentDirectory {
 protected:
  // Observations by status, and of the overflow series under "overflow".
  std::map<std::string, std::uint64_t> by_status(const std::string& family,
                                                 std::size_t label) const {
    std::map<std::string, std::uint64_t> found;
    for (const test::SegmentTotals& segment : segments()) {
      for (const test::SeriesTotals& series : segment.series) {
        if (series.family != family || series.observations() == 0) continue;
        found[series.overflow ? "overflow" : series.values.at(label)] += series.observations();
      }
    }
    return found;
  }
};

TEST_F(HttpFigures, EveryExchangeIsInItsOwnLabelSetHoweverManyAreMadeAtOnce) {
  expect_quiet_success([] {
    begin();
    std::barrier together(kThreads);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (std::uint16_t n = 0; n < kStatuses; ++n) {
          together.arrive_and_wait();
          count_one(kFirstStatus + n);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    end_core();
  });
  std::map<std::string, std::uint64_t> expected;
  for (std::uint16_t n = 0; n < kStatuses; ++n)
    expected[std::to_string(kFirstStatus + n)] = kThreads;
  EXPECT_EQ(by_status("http_server_request_duration_seconds", 2), expected);
  EXPECT_EQ(by_status("http_server_request_body_size_bytes", 1), expected);
  EXPECT_EQ(by_status("http_server_response_body_size_bytes", 1), expected);
}

TEST_F(HttpFigures, AnExchangeWithoutASeriesIsUnobservedInAllOfItsMetrics) {
  expect_quiet_success([] {
    begin();
    {
      const client::RegistryLock lock;
      count_one(200);
    }
    count_one(201);
    end_core();
  });
  const std::map<std::string, std::uint64_t> expected = {{"201", 1}};
  EXPECT_EQ(by_status("http_server_request_duration_seconds", 2), expected);
  EXPECT_EQ(by_status("http_server_response_body_size_bytes", 1), expected);
  EXPECT_EQ(count("libc_http_unobserved_total", {"no_series", "server"}), 1U);
  for (const test::SegmentTotals& segment : segments()) EXPECT_EQ(segment.null_integers.at(0), 0U);
}

}  // namespace
}  // namespace notch::preload
