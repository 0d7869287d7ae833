// `notch ready` with values: its command line and what it makes of an answer; and an address nobody
// serves on.
#include "agent/tool/ready_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "agent/tool/tool.h"

namespace notch::agent {
namespace {

using ::testing::HasSubstr;

ParsedReadyOptions parse(std::vector<const char*> arguments) {
  return parse_ready_options(arguments);
}

TEST(ReadyOptions, TheDefaultIsTheAgentsOwn) {
  const ParsedReadyOptions parsed = parse({});
  ASSERT_TRUE(parsed.run) << parsed.text;
  EXPECT_EQ(parsed.options.host, "127.0.0.1");
  EXPECT_EQ(parsed.options.port, "9464");
  EXPECT_EQ(parsed.options.timeout_s, 3U);
}

TEST(ReadyOptions, AnAddressIsSplitAtItsPort) {
  const ParsedReadyOptions parsed = parse({"--address", "[::1]:80", "--timeout-s=7"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  EXPECT_EQ(parsed.options.host, "::1");
  EXPECT_EQ(parsed.options.port, "80");
  EXPECT_EQ(parsed.options.timeout_s, 7U);
}

TEST(ReadyOptions, AUnixSocketIsNamedAsListenNamesIt) {
  EXPECT_EQ(parse({"--address", "unix:/run/notchd/agent.sock"}).options.socket,
            "/run/notchd/agent.sock");
  EXPECT_EQ(parse({"--address", "unix:@notchd"}).options.socket, "@notchd");
  EXPECT_EQ(parse({}).options.socket, "");
}

TEST(ReadyOptions, AWrongAddressIsNamed) {
  for (const char* const address : {"", "9464", ":9464", "localhost:", "::1:80", "host:http",
                                    "[]:80", "unix:", "unix:agent.sock"}) {
    const ParsedReadyOptions parsed = parse({"--address", address});
    EXPECT_FALSE(parsed.run) << address;
    EXPECT_EQ(parsed.exit_code, kToolUsage) << address;
    EXPECT_THAT(parsed.text, HasSubstr("--address")) << address;
  }
}

TEST(ReadyOptions, AWrongTimeoutIsRefused) {
  EXPECT_EQ(parse({"--timeout-s", "0"}).exit_code, kToolUsage);
  EXPECT_EQ(parse({"--timeout-s", "61"}).exit_code, kToolUsage);
}

TEST(ReadyAnswer, OnlyTwoHundredIsReady) {
  EXPECT_EQ(judge_ready_answer("HTTP/1.1 200 OK\r\nServer: x\r\n"), "");
  EXPECT_EQ(judge_ready_answer("HTTP/1.0 503 Service Unavailable\r\n"),
            "it answers 503 Service Unavailable");
  EXPECT_EQ(judge_ready_answer("HTTP/1.1"), "it answers ");
}

TEST(ReadyAnswer, AnAgentThatWantsTlsOrAPasswordIsSaidToWantThem) {
  EXPECT_EQ(judge_ready_answer("HTTP/1.1 400 Bad Request\r\n"),
            "it answers 400 Bad Request (does it serve TLS? notch ready uses none)");
  EXPECT_EQ(judge_ready_answer("HTTP/1.1 401 Unauthorized\r\n"),
            "it answers 401 Unauthorized (it wants a password; notch ready sends none)");
}

TEST(ReadyAnswer, WhatIsNoHttpIsNoAgent) {
  EXPECT_EQ(judge_ready_answer(""), "its answer is not HTTP");
  EXPECT_EQ(judge_ready_answer("\x15\x03\x01"), "its answer is not HTTP");
}

TEST(Ready, ASocketThatIsNotThereIsNamedByItsReason) {
  ReadyOptions options;
  options.socket = "/nonexistent/agent.sock";
  EXPECT_EQ(ask_ready(options), "No such file or directory");
}

TEST(Ready, NobodyThereIsARefusal) {
  ReadyOptions options;
  options.port = "1";
  EXPECT_EQ(ask_ready(options), "Connection refused");
}

}  // namespace
}  // namespace notch::agent
