// Where the demonstration exports to: URLs, and the rules by which the flag and the environment give one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "client/examples/otlp/export_target.h"

namespace otlp_demo {
namespace {

using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

std::variant<ExportTarget, std::string> target(const std::string& flag,
                                               const Variables& variables) {
  return export_target(flag, [&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

Endpoint endpoint(const std::string& flag, const Variables& variables) {
  return std::get<ExportTarget>(target(flag, variables)).endpoint.value();
}

std::string problem(const std::string& flag, const Variables& variables = {}) {
  return std::get<std::string>(target(flag, variables));
}

TEST(Endpoint, HasItsParts) {
  const auto parsed = std::get<Endpoint>(parse_endpoint("http://collector:4318/a/b?c#d"));
  EXPECT_EQ(parsed.host, "collector");
  EXPECT_EQ(parsed.port, "4318");
  EXPECT_EQ(parsed.authority, "collector:4318");
  EXPECT_EQ(parsed.target, "/a/b");
}

TEST(Endpoint, HasTheSchemesPortAndTheRootWithoutOne) {
  for (const char* const url : {"http://collector", "HTTP://collector", "http://collector:"}) {
    const auto parsed = std::get<Endpoint>(parse_endpoint(url));
    EXPECT_EQ(parsed.port, "80");
    EXPECT_EQ(parsed.target, "/");
  }
}

TEST(Endpoint, AnIpv6AddressStandsInBrackets) {
  const auto parsed = std::get<Endpoint>(parse_endpoint("http://[::1]:4318/"));
  EXPECT_EQ(parsed.host, "::1");
  EXPECT_EQ(parsed.port, "4318");
  EXPECT_EQ(parsed.authority, "[::1]:4318");
}

TEST(Endpoint, IsRefusedByTheRuleItBreaks) {
  for (const auto& [url, words] :
       std::map<std::string, std::string>{{"", "http://"},
                                          {"collector:4318", "http://"},
                                          {"https://collector", "https is not"},
                                          {"http://", "no host"},
                                          {"http://:4318", "no host"},
                                          {"http://[::1", "bracket"},
                                          {"http://[::1]x", "not a name"},
                                          {"http://a:b@c", "password"},
                                          {"http://a:0", "port"},
                                          {"http://a:65536", "port"},
                                          {"http://a:4318x", "port"},
                                          {"http://a::1", "port"},
                                          {"http://a/b c", "space"},
                                          {"http://a/\r\nX: y", "control"},
                                          {"http://\xc3\xa4/", "ASCII"}}) {
    const auto parsed = parse_endpoint(url);
    ASSERT_TRUE(std::holds_alternative<std::string>(parsed)) << url;
    EXPECT_THAT(std::get<std::string>(parsed), HasSubstr(words)) << url;
  }
}

TEST(ExportTarget, IsItsOwnCollectorIfNothingIsSaid) {
  const Variables variables{{"OTEL_EXPORTER_OTLP_ENDPOINT", ""},
                            {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}};
  EXPECT_FALSE(std::get<ExportTarget>(target("", variables)).endpoint);
}

TEST(ExportTarget, ABaseGetsThePathOfTraces) {
  const auto path = [](const std::string& url) {
    return endpoint("", {{"OTEL_EXPORTER_OTLP_ENDPOINT", url}}).target;
  };
  EXPECT_EQ(path("http://collector:4318"), "/v1/traces");
  EXPECT_EQ(path("http://collector:4318/"), "/v1/traces");
  EXPECT_EQ(path("http://collector:4318/mycollector"), "/mycollector/v1/traces");
  EXPECT_EQ(path("http://collector:4318/mycollector/"), "/mycollector/v1/traces");
}

TEST(ExportTarget, TheVariableOfTracesIsTakenAsItIsAndFirst) {
  const auto path = [](const std::string& url) {
    return endpoint("", {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url},
                         {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://no/"}})
        .target;
  };
  EXPECT_EQ(path("http://collector:4318"), "/");
  EXPECT_EQ(path("http://collector/v1/traces/"), "/v1/traces/");
}

TEST(ExportTarget, TheFlagIsABaseAndComesBeforeAll) {
  const Endpoint found =
      endpoint("http://flag:1", {{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://variable:2/x"}});
  EXPECT_EQ(found.authority, "flag:1");
  EXPECT_EQ(found.target, "/v1/traces");
}

TEST(ExportTarget, AnAttemptHasTheTimeThatTheEnvironmentGives) {
  const auto patience = [](Variables variables) {
    return std::get<ExportTarget>(target("http://a", variables)).patience.count();
  };
  EXPECT_EQ(patience({}), 10'000);
  EXPECT_EQ(patience({{"OTEL_EXPORTER_OTLP_TIMEOUT", "250"}}), 250);
  EXPECT_EQ(patience({{"OTEL_EXPORTER_OTLP_TIMEOUT", "250"},
                      {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "70"}}),
            70);
  for (const char* const text : {"0", "-1", "1s", "99999999999999999999"}) {
    EXPECT_THAT(problem("http://a", {{"OTEL_EXPORTER_OTLP_TIMEOUT", text}}),
                HasSubstr("milliseconds"))
        << text;
  }
}

TEST(ExportTarget, WhatIsWrongIsNamed) {
  EXPECT_EQ(problem("https://a"),
            "--endpoint cannot be \"https://a\": https is not supported, http is");
  EXPECT_THAT(problem("", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "x"}}),
              HasSubstr("OTEL_EXPORTER_OTLP_ENDPOINT cannot be \"x\""));
  EXPECT_THAT(problem("http://a", {{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"}}),
              HasSubstr("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL cannot be \"http/json\""));
}

}  // namespace
}  // namespace otlp_demo
