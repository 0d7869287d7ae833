// notchd's command line.
#include "agent/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace notch::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

ParsedOptions parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "notchd");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

struct DurationCase {
  const char* text;
  std::uint64_t seconds;
};

TEST(ParseDuration, ReadsSecondsMinutesHoursAndDays) {
  for (const DurationCase& good : {DurationCase{"90s", 90},
                                   {"15m", 900},
                                   {"6h", 21'600},
                                   {"7d", 604'800},
                                   {"0", 0},
                                   {"0s", 0}}) {
    std::uint64_t seconds = 1;
    EXPECT_TRUE(parse_duration_s(good.text, seconds)) << good.text;
    EXPECT_EQ(seconds, good.seconds) << good.text;
  }
}

TEST(ParseDuration, RefusesEverythingElseAndLeavesTheValue) {
  for (const char* bad : {"", "s", "7", "90", "m5", "-1s", "+1s", " 1s", "1 s", "1s ", "1S", "1w",
                          "1ms", "1h30m", "1.5h", "18446744073709551616", "213503982334602d"}) {
    std::uint64_t seconds = 77;
    EXPECT_FALSE(parse_duration_s(bad, seconds)) << bad;
    EXPECT_EQ(seconds, 77U) << bad;
  }
}

TEST(Options, WithoutFlagsAreTheDocumentedDefaults) {
  const ParsedOptions parsed = parse({});
  ASSERT_TRUE(parsed.run);
  EXPECT_EQ(parsed.options.directory, "");
  EXPECT_THAT(parsed.options.http.listen, ElementsAre("127.0.0.1:9464"));
  EXPECT_EQ(parsed.options.metrics_path, "/metrics");
  EXPECT_EQ(parsed.options.collect.retention_s, 7U * 24 * 3600);
  EXPECT_EQ(parsed.options.collect.linger_s, 300U);
  EXPECT_FALSE(parsed.options.collect.tally.per_process);
}

TEST(Options, GivenAddressesReplaceTheDefault) {
  const ParsedOptions parsed = parse({"--listen", "127.0.0.1:1", "--listen=[::1]:2"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  EXPECT_THAT(parsed.options.http.listen, ElementsAre("127.0.0.1:1", "[::1]:2"));
}

TEST(Options, EveryFlagReachesItsOption) {
  const ParsedOptions parsed = parse({"--dir=/d",
                                      "--web.telemetry-path=/m",
                                      "--web.config.file=/w.yml",
                                      "--web.systemd-socket",
                                      "--web.max-requests=3",
                                      "--per-process",
                                      "--retention=2h",
                                      "--linger=9s",
                                      "--limit.segments=11",
                                      "--limit.bytes=12",
                                      "--limit.series=13",
                                      "--limit.segments-per-uid=14",
                                      "--limit.bytes-per-uid=15",
                                      "--limit.series-per-uid=16",
                                      "--limit.families=18",
                                      "--limit.families-per-uid=19",
                                      "--limit.dead-rows=17",
                                      "--limit.dead-rows-per-uid=20",
                                      "--limit.page-bytes=21",
                                      "--limit.page-bytes-per-uid=22",
                                      "--limit.page-bytes-per-segment=23",
                                      "--limit.ledger-bytes=24",
                                      "--limit.ledger-bytes-per-uid=25",
                                      "--sweep-ms=250",
                                      "--log.level=debug"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  const Options& options = parsed.options;
  EXPECT_EQ(options.directory, "/d");
  EXPECT_EQ(options.metrics_path, "/m");
  EXPECT_EQ(options.http.web_config_file, "/w.yml");
  EXPECT_TRUE(options.http.systemd_sockets);
  EXPECT_EQ(options.http.max_requests, 3U);
  EXPECT_TRUE(options.collect.tally.per_process);
  EXPECT_EQ(options.collect.retention_s, 7200U);
  EXPECT_EQ(options.collect.linger_s, 9U);
  EXPECT_EQ(options.collect.limits.total.segments, 11U);
  EXPECT_EQ(options.collect.limits.total.bytes, 12U);
  EXPECT_EQ(options.collect.limits.total.series, 13U);
  EXPECT_EQ(options.collect.limits.per_uid.segments, 14U);
  EXPECT_EQ(options.collect.limits.per_uid.bytes, 15U);
  EXPECT_EQ(options.collect.limits.per_uid.series, 16U);
  EXPECT_EQ(options.collect.tally.rows.dead_rows, 17U);
  EXPECT_EQ(options.collect.tally.rows.dead_rows_per_uid, 20U);
  EXPECT_EQ(options.collect.tally.rows.page_bytes, 21U);
  EXPECT_EQ(options.collect.tally.rows.page_bytes_per_uid, 22U);
  EXPECT_EQ(options.collect.page_bytes_per_segment, 23U);
  EXPECT_EQ(options.collect.tally.rows.ledger_bytes, 24U);
  EXPECT_EQ(options.collect.tally.rows.ledger_bytes_per_uid, 25U);
  EXPECT_EQ(options.collect.tally.families.families, 18U);
  EXPECT_EQ(options.collect.tally.families.per_uid, 19U);
  EXPECT_EQ(options.sweep_ms, 250U);
  EXPECT_EQ(options.log_level, "debug");
}

TEST(Options, OwnersOfServicesAreNamedOrNumbered) {
  const ParsedOptions parsed =
      parse({"--service-owner", "a=b=root", "--service-owner=jobs=4294967294"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  const std::vector<NamedOwner>& named = parsed.options.collect.owners.named;
  ASSERT_EQ(named.size(), 2U);
  EXPECT_EQ(named[0].service, "a=b");
  EXPECT_EQ(named[0].uid, 0U);
  EXPECT_EQ(named[1].service, "jobs");
  EXPECT_EQ(named[1].uid, 4'294'967'294U);
}

TEST(Options, PatternsReachTheirCollectors) {
  const ParsedOptions parsed = parse(
      {"--collector.arp.device-exclude=a", "--collector.diskstats.device-include=b",
       "--collector.filesystem.fs-types-exclude=", "--collector.filesystem.mount-points-exclude",
       "", "--collector.filesystem.mount-points-include=c", "--collector.hwmon.chip-include=d",
       "--collector.hwmon.sensor-exclude=e", "--collector.netdev.device-exclude=f",
       "--collector.netclass.ignored-devices=g", "--collector.netstat.fields=h",
       "--collector.vmstat.fields=i"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  const HostPatterns& patterns = parsed.options.host.patterns;
  EXPECT_EQ(patterns.arp_devices.exclude, "a");
  EXPECT_EQ(patterns.disks.include, "b");
  EXPECT_EQ(patterns.disks.exclude, "") << "the default gives way";
  EXPECT_EQ(patterns.file_system_types.exclude, "");
  EXPECT_EQ(patterns.mount_points.exclude, "");
  EXPECT_EQ(patterns.mount_points.include, "c");
  EXPECT_EQ(patterns.chips.include, "d");
  EXPECT_EQ(patterns.sensors.exclude, "e");
  EXPECT_EQ(patterns.network_devices.exclude, "f");
  EXPECT_EQ(patterns.classed_devices.exclude, "g");
  EXPECT_EQ(patterns.protocol_counts.include, "h");
  EXPECT_EQ(patterns.memory_events.include, "i");
  const HostPatterns defaults = parse({}).options.host.patterns;
  EXPECT_EQ(defaults.disks.exclude, HostPatterns().disks.exclude);
  EXPECT_EQ(defaults.network_devices.exclude, "");
}

// CLI11 alone takes the next argument for it.
TEST(Options, AnEqualSignWithNothingBehindItGivesAnEmptyValue) {
  const ParsedOptions parsed = parse({"--collector.diskstats.device-exclude=", "--retention=2h"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  EXPECT_EQ(parsed.options.collect.retention_s, 7200U);
  EXPECT_THAT(parse({"--dir=", "--retention=2h"}).text, HasSubstr("--dir: must not be empty"));
}

TEST(Options, HelpAndVersionDoNotRunAndAreNoErrors) {
  const ParsedOptions help = parse({"--help"});
  EXPECT_FALSE(help.run);
  EXPECT_EQ(help.exit_code, ExitCode::kDone);
  EXPECT_THAT(help.text, HasSubstr("Exit codes"));
  const ParsedOptions version = parse({"--version"});
  EXPECT_FALSE(version.run);
  EXPECT_EQ(version.exit_code, ExitCode::kDone);
  EXPECT_THAT(version.text, StartsWith("notchd "));
}

struct WrongUsage {
  std::vector<const char*> arguments;
  const char* words;
};

TEST(Options, WrongUsageNamesWhatIsWrong) {
  const std::vector<WrongUsage> cases = {
      {{"--nosuch"}, "--nosuch"},
      {{"now"}, "now"},
      {{"--retention=1w"}, "--retention: \"1w\" is not a duration"},
      {{"--listen", "127.0.0.1"}, "\"127.0.0.1\" is no address to listen on: want ADDRESS:PORT"},
      {{"--listen=[::1:80"}, "\"[::1:80\" is no address"},
      {{"--linger=soon"}, "--linger: \"soon\" is not a duration"},
      {{"--sweep-ms=9"}, "--sweep-ms"},
      {{"--sweep-ms=60001"}, "--sweep-ms"},
      {{"--log.level=loud"}, "--log.level"},
      {{"--ebpf=maybe"}, "--ebpf: maybe not in {auto,off,require}"},
      {{"--limit.bytes=-1"}, "--limit.bytes"},
      {{"--web.max-requests=-1"}, "--web.max-requests: \"-1\" is not a whole number"},
      {{"--limit.series=99999999999999999999"}, "--limit.series"},
      {{"--limit.segments=many"}, "--limit.segments"},
      {{"--web.telemetry-path=metrics"}, "\"metrics\" must start with /"},
      {{"--service-owner=jobs"}, "--service-owner: \"jobs\" is not NAME=USER"},
      {{"--service-owner==root"}, "\"=root\" is not NAME=USER"},
      {{"--service-owner=jobs="}, "\"jobs=\" is not NAME=USER"},
      {{"--service-owner=jobs=no such"}, "\"no such\" is neither a user of this host nor a uid"},
      {{"--service-owner=jobs=4294967295"}, "\"4294967295\" is neither a user of this host"},
      {{"--service-owner=jobs@5=root"},
       "\"jobs@5\": a name that ends in @UID belongs to that user"},
      {{"--service-owner=a=1", "--service-owner=a=2"}, "\"a\" has two owners"},
      {{"--collector.netdev.device-exclude=("},
       "--collector.netdev.device-exclude: \"(\" is not a regular expression"},
      {{"--collector.vmstat.fields=a**"}, "--collector.vmstat.fields: \"a**\" is not a regular"},
      {{"--collector.diskstats.device-exclude=a", "--collector.diskstats.device-include=b"},
       "--collector.diskstats.device-exclude: cannot be given together with "
       "--collector.diskstats.device-include"},
      {{"--web.telemetry-path=/"}, "\"/\" must start with / and be more than /"},
      {{"--web.telemetry-path=/-/ready"},
       "--web.telemetry-path: \"/-/ready\" is a path of the agent"},
      {{"--lisen", "127.0.0.1:9464"}, "notchd: \"--lisen\" is no option"},
      {{"now", "--sweep-ms=100"}, "notchd: \"now\" is not an argument it takes"},
  };
  for (const WrongUsage& wrong : cases) {
    const ParsedOptions parsed = parse(wrong.arguments);
    EXPECT_FALSE(parsed.run) << wrong.words;
    EXPECT_EQ(parsed.exit_code, ExitCode::kUsage) << wrong.words;
    EXPECT_THAT(parsed.text, StartsWith("notchd: "));
    EXPECT_THAT(parsed.text, HasSubstr(wrong.words));
    EXPECT_THAT(parsed.text, EndsWith("notchd --help lists the options.\n"));
  }
}

}  // namespace
}  // namespace notch::agent
