// `notch run` with values: its command line, the program it means, the environment it gives.
#include "agent/tool/run_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/tool/preload_library.h"
#include "agent/tool/program_search.h"
#include "agent/tool/run_options.h"
#include "agent/tool/tool.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

ParsedRunOptions parse(std::vector<const char*> arguments) {
  return parse_run_options(arguments);
}

TEST(RunOptions, WhatFollowsTheDashesIsTheProgramAndItsOwn) {
  const ParsedRunOptions parsed = parse({"--service=shop", "--", "cc", "--tls", "--", "-x"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  EXPECT_THAT(parsed.options.program, ElementsAre("cc", "--tls", "--", "-x"));
  EXPECT_EQ(parsed.options.service, "shop");
  EXPECT_FALSE(parsed.options.tls);
}

TEST(RunOptions, EveryFlagReachesItsOption) {
  const ParsedRunOptions parsed = parse({"--service", "a b", "--dir", "/d/x/../y", "--modules",
                                         "io,net", "--library", "/l.so", "--", "p"});
  ASSERT_TRUE(parsed.run) << parsed.text;
  EXPECT_EQ(parsed.options.service, "a b");
  EXPECT_EQ(parsed.options.directory, "/d/y");
  EXPECT_EQ(parsed.options.modules, "io,net");
  EXPECT_EQ(parsed.options.library, "/l.so");
}

TEST(RunOptions, AnEqualSignWithNothingBehindItGivesAnEmptyValue) {
  EXPECT_THAT(parse({"--service=", "--dir=/d", "--", "p"}).text, HasSubstr("--service: "));
}

TEST(RunOptions, ARelativeDirectoryStartsHere) {
  EXPECT_EQ(parse({"--dir=seg", "--", "p"}).options.directory,
            std::filesystem::current_path() / "seg");
}

TEST(RunOptions, ARelativeDirectoryStaysAsItIsWhereTheWorkingDirectoryIsGone) {
  const std::filesystem::path before = std::filesystem::current_path();
  const testing::ScratchDirectory scratch;
  const std::filesystem::path gone = scratch.path("gone");
  std::filesystem::create_directory(gone);
  std::filesystem::current_path(gone);
  std::filesystem::remove(gone);
  const ParsedRunOptions parsed = parse({"--dir=seg", "--", "p"});
  std::filesystem::current_path(before);
  EXPECT_TRUE(parsed.run) << parsed.text;
  EXPECT_EQ(parsed.options.directory, "seg");
}

TEST(RunOptions, WhateverTheLibraryKnowsIsAModule) {
  EXPECT_TRUE(parse({"--modules=all,malloc_live", "--", "p"}).run);
  EXPECT_EQ(modules_fault("io,tls,malloc_live"), "");
  EXPECT_THAT(modules_fault("io,tcp"), StartsWith("\"tcp\" is not a module; the modules are io, "));
}

TEST(RunOptions, TheFlagAndTheModuleForTlsAreOne) {
  EXPECT_TRUE(parse({"--modules=io,tls", "--", "p"}).options.tls);
  EXPECT_EQ(parse({"--modules=io", "--tls", "--", "p"}).options.modules, "io,tls");
  EXPECT_EQ(parse({"--modules=tls", "--tls", "--", "p"}).options.modules, "tls");
  EXPECT_EQ(parse({"--tls", "--", "p"}).options.modules, "");
}

TEST(RunOptions, HelpIsNoError) {
  const ParsedRunOptions help = parse({"--help"});
  EXPECT_FALSE(help.run);
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.text, HasSubstr("-- PROGRAM"));
  EXPECT_THAT(help.text, HasSubstr("Exit codes"));
}

struct WrongUsage {
  std::vector<const char*> arguments;
  const char* words;
};

TEST(RunOptions, WrongUsageNamesWhatIsWrong) {
  const std::vector<WrongUsage> cases = {
      {{}, "no program is given"},
      {{"--"}, "no program is given"},
      {{"ls", "-l"}, "\"ls\" is not an argument it takes; the program comes after --"},
      {{"--nosuch", "value", "--", "p"}, "notch run: \"--nosuch\" is no option"},
      {{"--service", "--", "p"}, "--service"},
      {{"--service=", "--", "p"}, "--service"},
      {{"--modules=io,tcp", "--", "p"}, "\"tcp\" is not a module"},
      {{"--modules=io,,net", "--", "p"}, "\"\" is not a module"},
  };
  for (const WrongUsage& wrong : cases) {
    const ParsedRunOptions parsed = parse(wrong.arguments);
    EXPECT_FALSE(parsed.run) << wrong.words;
    EXPECT_EQ(parsed.exit_code, 2) << wrong.words;
    EXPECT_THAT(parsed.text, StartsWith("notch run: "));
    EXPECT_THAT(parsed.text, HasSubstr(wrong.words));
    EXPECT_THAT(parsed.text, EndsWith("notch run --help lists the options.\n"));
  }
}

TEST(PreloadList, OursComesFirstAndTheUsersStay) {
  EXPECT_EQ(preload_list("/n.so", ""), "/n.so");
  EXPECT_EQ(preload_list("/n.so", "/a.so b.so:/c.so"), "/n.so:/a.so:b.so:/c.so");
}

TEST(PreloadList, OursIsThereOnceHoweverOftenItWasPutThere) {
  EXPECT_EQ(preload_list("/n.so", "/n.so:/a.so::/n.so"), "/n.so:/a.so");
  EXPECT_EQ(preload_list("/x/libnotch_preload_tls.so", "/y/libnotch_preload.so:/a.so"),
            "/x/libnotch_preload_tls.so:/a.so");
}

TEST(PreloadList, SteppingAsideTakesOursOutAndLeavesTheUsers) {
  EXPECT_EQ(preload_list("", "/y/libnotch_preload.so /a.so libnotch_preload_tls.so"), "/a.so");
}

TEST(ProgramEnvironment, HoldsWhatWasAskedForAndAllElse) {
  RunOptions options;
  options.service = "shop";
  options.directory = "/d";
  options.modules = "io";
  const std::vector<std::string> current = {"A=1", "NOTCH_SERVICE=old", "LD_PRELOAD=/u.so", "B="};
  EXPECT_THAT(program_environment(current, options, "/n.so"),
              UnorderedElementsAre("A=1", "B=", "NOTCH_SERVICE=shop", "NOTCH_DIR=/d",
                                   "NOTCH_PRELOAD=io", "LD_PRELOAD=/n.so:/u.so"));
}

TEST(ProgramEnvironment, TlsIsAddedToTheModulesOfTheEnvironment) {
  RunOptions options;
  options.tls = true;
  EXPECT_THAT(program_environment(std::vector<std::string>{"NOTCH_PRELOAD=io"}, options, ""),
              ElementsAre("NOTCH_PRELOAD=io,tls"));
  EXPECT_THAT(program_environment(std::vector<std::string>{"NOTCH_PRELOAD=all,tls"}, options, ""),
              ElementsAre("NOTCH_PRELOAD=all,tls"));
  EXPECT_THAT(program_environment(std::vector<std::string>{}, options, ""), ElementsAre());
}

TEST(ProgramEnvironment, ARelativeDirectoryOfTheEnvironmentStartsHere) {
  const std::string here = std::filesystem::current_path();
  EXPECT_THAT(program_environment(std::vector<std::string>{"NOTCH_DIR=seg/../x"}, {}, "/n.so"),
              UnorderedElementsAre("NOTCH_DIR=" + here + "/x", "LD_PRELOAD=/n.so"));
}

TEST(ProgramEnvironment, AProgramAndAllThatItStartsAreOneService) {
  RunOptions options;
  options.program = {"/opt/shop/start.sh", "/x/y"};
  EXPECT_THAT(program_environment(std::vector<std::string>{}, options, "/n.so"),
              UnorderedElementsAre("NOTCH_SERVICE=start.sh", "LD_PRELOAD=/n.so"));
  EXPECT_THAT(
      program_environment(std::vector<std::string>{"OTEL_SERVICE_NAME=s"}, options, "/n.so"),
      UnorderedElementsAre("OTEL_SERVICE_NAME=s", "LD_PRELOAD=/n.so"));
  EXPECT_THAT(program_environment(std::vector<std::string>{"NOTCH_SERVICE=s"}, options, "/n.so"),
              UnorderedElementsAre("NOTCH_SERVICE=s", "LD_PRELOAD=/n.so"));
}

TEST(ProgramEnvironment, WithNothingAskedForAndNoLibraryNothingChanges) {
  const std::vector<std::string> current = {"A=1", "LD_PRELOAD=/u.so", "NOTCH_DIR=/d", "odd"};
  EXPECT_EQ(program_environment(current, {}, ""), current);
  EXPECT_THAT(
      program_environment(std::vector<std::string>{"LD_PRELOAD=/x/libnotch_preload.so"}, {}, ""),
      ElementsAre());
}

TEST(FindPreloadLibrary, LooksInTheBuildTreeAndInTheInstallation) {
  const testing::ScratchDirectory prefix;
  const std::string own = prefix.path("bin/notch");
  const PreloadLibrary none = find_preload_library(own, false);
  EXPECT_EQ(none.path, "");
  EXPECT_EQ(none.problem, "libnotch_preload.so is neither in " + prefix.path("lib/notch") +
                              " nor in " + prefix.path("lib"));
  std::filesystem::create_directories(prefix.path("lib/notch"));
  prefix.touch("lib/libnotch_preload.so");
  EXPECT_EQ(find_preload_library(own, false).path, prefix.path("lib/libnotch_preload.so"));
  prefix.touch("lib/notch/libnotch_preload.so");
  EXPECT_EQ(find_preload_library(own, false).path, prefix.path("lib/notch/libnotch_preload.so"));
  EXPECT_EQ(find_preload_library(own, true).path, "");
  prefix.touch("lib/libnotch_preload_tls.so");
  EXPECT_EQ(find_preload_library(own, true).path, prefix.path("lib/libnotch_preload_tls.so"));
}

TEST(FindPreloadLibrary, APathThatTheLoaderWouldCutIsAProblem) {
  const testing::ScratchDirectory prefix;
  for (const std::string folder : {"with space", "with:colon", "with$LIB"}) {
    std::filesystem::create_directories(prefix.path(folder + "/lib"));
    prefix.touch(folder + "/lib/libnotch_preload.so");
    const PreloadLibrary found = find_preload_library(prefix.path(folder + "/bin/notch"), false);
    EXPECT_EQ(found.path, "") << folder;
    EXPECT_THAT(found.problem, HasSubstr("LD_PRELOAD cannot")) << folder;
  }
}

class FindProgramTest : public ::testing::Test {
 protected:
  FindProgramTest() {
    std::filesystem::create_directories(directory_.path("a/folder"));
    std::filesystem::create_directories(directory_.path("b"));
    directory_.touch("a/plain");
    directory_.touch("a/both");
    directory_.touch("b/both");
    ::chmod(directory_.path("b/both").c_str(), 0755);
    search_ = directory_.path("a") + ":" + directory_.path("b");
  }
  FoundProgram find(const std::string& name) { return find_program(name, search_.c_str()); }

  testing::ScratchDirectory directory_{NOTCH_BINARY_DIR};
  std::string search_;
};

TEST_F(FindProgramTest, TakesTheFirstThatMayRun) {
  EXPECT_EQ(find("both").path, directory_.path("b/both"));
  EXPECT_EQ(find("both").error, 0);
}

TEST_F(FindProgramTest, TellsWhatIsThereFromWhatIsNot) {
  EXPECT_EQ(find("absent").error, ENOENT);
  EXPECT_EQ(find("").error, ENOENT);
  EXPECT_EQ(find("plain").error, EACCES);
  EXPECT_EQ(find("folder").error, ENOENT);
  EXPECT_EQ(find(directory_.path("a/folder")).error, EISDIR);
  EXPECT_EQ(find(directory_.path("a/plain")).error, EACCES);
  EXPECT_EQ(find(directory_.path("a/absent")).error, ENOENT);
}

TEST_F(FindProgramTest, WithoutAPathTheSystemsProgramsAreFound) {
  EXPECT_EQ(find_program("true", nullptr).error, 0);
  EXPECT_EQ(find_program("true", "").error, ENOENT);  // the current directory has none
}

int answer(std::span<const char* const> arguments) {
  return 40 + static_cast<int>(arguments.size());
}

TEST(Tool, RunsTheNamedCommandWithWhatFollows) {
  const std::vector<ToolCommand> commands = {{"one", "", nullptr}, {"two", "", answer}};
  const std::vector<const char*> argv = {"notch", "two", "a", "--help"};
  EXPECT_EQ(run_tool(commands, 4, argv.data()), 42);
}

int wants_help(std::span<const char* const> arguments) {
  return arguments.size() == 1 && std::string_view(arguments.front()) == "--help" ? 43 : 0;
}

TEST(Tool, HelpAsAWordAsksTheCommandForItsOwn) {
  const std::vector<ToolCommand> commands = {{"one", "", nullptr}, {"two", "", wants_help}};
  const std::vector<const char*> argv = {"notch", "help", "two", "more"};
  EXPECT_EQ(run_tool(commands, 3, argv.data()), 43);
  EXPECT_EQ(run_tool(commands, 2, argv.data()), kToolDone);
  EXPECT_EQ(run_tool(commands, 4, argv.data()), kToolUsage);
}

TEST(Tool, WithoutACommandItIsWrongUsage) {
  const std::vector<ToolCommand> commands = {{"two", "", answer}};
  const std::vector<const char*> argv = {"notch", "three"};
  EXPECT_EQ(run_tool(commands, 2, argv.data()), 2);
  EXPECT_EQ(run_tool(commands, 1, argv.data()), 2);
  EXPECT_EQ(run_tool(commands, 0, argv.data()), 2);
}

}  // namespace
}  // namespace notch::agent
