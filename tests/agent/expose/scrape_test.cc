// One scrape: which collectors and families a request asks for, what is refused, and which pages
// are shared.
#include "agent/expose/scrape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/agent/expose/snapshot_builder.h"

namespace notch::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Request asking(std::vector<QueryParameter> query = {}) {
  Request request;
  request.query = std::move(query);
  return request;
}

std::string text_of(const Response& response) {
  std::string text;
  for (const BodyBlock& block : response.body) text += block.bytes;
  return text;
}

// A Scrape over three collectors that count how often they are asked.
class ScrapeTest : public ::testing::Test {
 protected:
  ScrapeTest() {
    add("jobs", "job_runs_total", 1);
    jobs_.family(MetricType::kCounter, "same_total");
    jobs_.row("", {100});
    add("self", "self_reads_total", 2);
    self_.family(MetricType::kCounter, "same_total");
    self_.row("", {200});
    add("host", "host_boots_total", 3);
    scrape_.emplace(std::move(collectors_));
  }

  Response ask(std::vector<QueryParameter> query = {}) { return scrape_->respond(asking(query)); }
  std::string page(std::vector<QueryParameter> query = {}) { return text_of(ask(query)); }

  int jobs_gathered_ = 0;
  int self_gathered_ = 0;
  int host_gathered_ = 0;
  std::optional<Scrape> scrape_;

 private:
  void add(const std::string& collector, const std::string& family, std::uint64_t value) {
    SnapshotBuilder& builder = collector == "jobs" ? jobs_ : collector == "self" ? self_ : host_;
    int& gathered = collector == "jobs"   ? jobs_gathered_
                    : collector == "self" ? self_gathered_
                                          : host_gathered_;
    builder.family(MetricType::kCounter, family);
    builder.row("", {value});
    collectors_.push_back({collector, [&builder, &gathered] {
                             ++gathered;
                             return builder.snapshot();
                           }});
  }

  SnapshotBuilder jobs_;
  SnapshotBuilder self_;
  SnapshotBuilder host_;
  std::vector<Collector> collectors_;
};

TEST_F(ScrapeTest, WithoutParametersShowsEverything) {
  const Response response = ask();
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  const std::string text = text_of(response);
  for (const char* sample : {"job_runs_total 1\n", "self_reads_total 2\n", "host_boots_total 3\n"})
    EXPECT_THAT(text, HasSubstr(sample));
}

TEST_F(ScrapeTest, CollectAsksTheNamedCollectorsAlone) {
  const std::string text = page({{"collect[]", "host"}, {"collect[]", "jobs"}});
  EXPECT_THAT(text, HasSubstr("job_runs_total"));
  EXPECT_THAT(text, HasSubstr("host_boots_total"));
  EXPECT_THAT(text, Not(HasSubstr("self_reads_total")));
  EXPECT_EQ(self_gathered_, 0);
}

TEST_F(ScrapeTest, ExcludeAsksAllButTheNamedCollectors) {
  const std::string text = page({{"exclude[]", "jobs"}});
  EXPECT_THAT(text, Not(HasSubstr("job_runs_total")));
  EXPECT_THAT(text, HasSubstr("self_reads_total"));
  EXPECT_THAT(text, HasSubstr("host_boots_total"));
  EXPECT_EQ(jobs_gathered_, 0);
}

TEST_F(ScrapeTest, NamesAreExactAndAnUnknownOneIsJustNotThere) {
  const std::string text =
      page({{"name[]", "job_runs_total"}, {"name[]", "self_reads"}, {"name[]", "nobody"}});
  EXPECT_THAT(text, HasSubstr("job_runs_total 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("self_reads_total")));
  EXPECT_EQ(page({{"name[]", "nobody"}}), "");
}

TEST_F(ScrapeTest, AnUnknownCollectorIsRefusedByNameAndTheOthersAreListed) {
  for (const char* parameter : {"collect[]", "exclude[]"}) {
    const Response response = ask({{parameter, "cpu"}});
    EXPECT_EQ(response.status, 400U);
    EXPECT_EQ(text_of(response), "no such collector: cpu; there are: jobs self host\n");
  }
  EXPECT_EQ(jobs_gathered_ + self_gathered_ + host_gathered_, 0);
}

TEST_F(ScrapeTest, ALongUnknownNameIsCutInTheAnswer) {
  const Response response = ask({{"collect[]", std::string(10'000, 'x')}});
  EXPECT_EQ(response.status, 400U);
  EXPECT_LT(response.body_bytes(), 200U);
}

TEST_F(ScrapeTest, CollectAndExcludeTogetherAreRefused) {
  const Response response = ask({{"collect[]", "jobs"}, {"exclude[]", "host"}});
  EXPECT_EQ(response.status, 400U);
  EXPECT_THAT(text_of(response), HasSubstr("cannot be used together"));
}

TEST_F(ScrapeTest, OfTwoCollectorsWithOneFamilyTheLaterIsShownAndTheOtherCounted) {
  EXPECT_THAT(page(), HasSubstr("same_total 200\n"));
  EXPECT_EQ(scrape_->stats().dropped_families.at("duplicate"), 1U);
  EXPECT_THAT(page({{"collect[]", "jobs"}}), HasSubstr("same_total 100\n"));
  EXPECT_EQ(scrape_->stats().dropped_families.at("duplicate"), 1U);
}

TEST_F(ScrapeTest, APageIsSharedWhileAResponseWithItIsAlive) {
  const Response first = ask();
  const Response second = ask();
  EXPECT_EQ(jobs_gathered_, 1);
  EXPECT_EQ(scrape_->stats().shared_scrapes, 1U);
  EXPECT_EQ(first.body.at(0).bytes.data(), second.body.at(0).bytes.data());
}

TEST_F(ScrapeTest, NoFurtherPageIsMadeWhileThoseBeingSentHoldTheLimit) {
  SnapshotBuilder builder;
  builder.family(MetricType::kCounter, "job_runs_total");
  builder.row("", {1});
  int gathered = 0;
  const auto gather = [&] {
    ++gathered;
    return builder.snapshot();
  };
  Scrape scrape({{"jobs", gather}}, {.max_held_bytes = 1});
  std::optional<Response> first = scrape.respond(asking());
  EXPECT_EQ(scrape.stats().held_page_bytes, first->body_bytes());
  EXPECT_EQ(scrape.respond(asking()).status, 200U) << "the same page takes no more memory";
  const Response refusal = scrape.respond(asking({{"name[]", "job_runs_total"}}));
  EXPECT_EQ(refusal.status, 503U);
  EXPECT_TRUE(refusal.no_memory);
  EXPECT_THAT(refusal.headers, ::testing::Contains(HeaderLine("Retry-After", "1")));
  EXPECT_EQ(gathered, 1);
  first.reset();
  EXPECT_EQ(scrape.stats().held_page_bytes, 0U);
  EXPECT_EQ(scrape.respond(asking({{"name[]", "job_runs_total"}})).status, 200U);
}

TEST_F(ScrapeTest, APageThatOutlivesItsSuccessorStillCounts) {
  Response old = ask();
  const std::uint64_t bytes = old.body_bytes();
  Response others = ask({{"name[]", "job_runs_total"}});
  EXPECT_EQ(scrape_->stats().held_page_bytes, bytes + others.body_bytes());
  scrape_.reset();
  old = Response();
}

TEST_F(ScrapeTest, APageIsNotSharedOnceNoResponseIsAlive) {
  ask();
  ask();
  EXPECT_EQ(jobs_gathered_, 2);
  EXPECT_EQ(scrape_->stats().shared_scrapes, 0U);
}

TEST_F(ScrapeTest, OnlyRequestsForTheSamePageShareIt) {
  Request openmetrics = asking();
  openmetrics.accept = "application/openmetrics-text";
  Request gzip = asking();
  gzip.accept_encoding = "gzip";
  const std::vector<Response> alive = {
      ask(),
      ask({{"name[]", "job_runs_total"}}),
      ask({{"exclude[]", "host"}}),
      scrape_->respond(openmetrics),
      scrape_->respond(gzip),
  };
  EXPECT_EQ(jobs_gathered_, 5);
  EXPECT_EQ(scrape_->stats().shared_scrapes, 0U);
}

TEST_F(ScrapeTest, ANameWithALineFeedIsNoTwoNames) {
  // The one with rows first: an empty page is shared with nobody.
  const Response two = ask({{"name[]", "job_runs_total"}, {"name[]", "same_total"}});
  const Response one = ask({{"name[]", "job_runs_total\nsame_total"}});
  EXPECT_EQ(scrape_->stats().shared_scrapes, 0U);
  EXPECT_EQ(text_of(one), "");
  EXPECT_THAT(text_of(two), HasSubstr("job_runs_total 1\n"));
}

TEST_F(ScrapeTest, ANameGivenTwiceIsOne) {
  const Response once = ask({{"name[]", "same_total"}});
  const Response twice = ask({{"name[]", "same_total"}, {"name[]", "same_total"}});
  EXPECT_EQ(scrape_->stats().shared_scrapes, 1U);
}

TEST_F(ScrapeTest, TheOrderOfNamesDoesNotMatterForSharing) {
  const Response first = ask({{"name[]", "same_total"}, {"name[]", "job_runs_total"}});
  const Response second = ask({{"name[]", "job_runs_total"}, {"name[]", "same_total"}});
  EXPECT_EQ(scrape_->stats().shared_scrapes, 1U);
}

TEST_F(ScrapeTest, EncodingAndVaryAreSaidInTheHeaders) {
  SnapshotBuilder builder;
  builder.family(MetricType::kCounter, "job_runs_total");
  for (int i = 0; i < 100; ++i) builder.row("job=\"" + std::to_string(i) + "\"", {1});
  Scrape scrape({{"jobs", [&builder] { return builder.snapshot(); }}});
  Request request = asking();
  request.accept_encoding = "gzip";
  const Response response = scrape.respond(request);
  EXPECT_EQ(response.content_encoding, "gzip");
  EXPECT_EQ(text_of(response).substr(0, 2), "\x1f\x8b");
  EXPECT_THAT(response.headers, ::testing::Contains(HeaderLine("Vary", "Accept, Accept-Encoding")));
}

TEST_F(ScrapeTest, EachPageMadeIsTimedAndSharedOnesAreNot) {
  int pages = 0;
  scrape_->on_page = [&pages](double seconds) {
    EXPECT_GE(seconds, 0);
    ++pages;
  };
  const Response first = ask();
  const Response second = ask();
  EXPECT_EQ(pages, 1);
}

}  // namespace
}  // namespace notch::agent
