// Files that stay open, over a folder that changes, goes, and comes back as another.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/host/kept_folder.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

std::string read(int file) {
  char text[16];
  const ssize_t got = file < 0 ? -1 : ::pread(file, text, sizeof text, 0);
  return got < 0 ? "none" : std::string(text, static_cast<std::size_t>(got));
}

TEST(KeptFolder, FilesAreOfTheFolderThatHasThePathNow) {
  const testing::ScratchDirectory scratch;
  const std::string path = scratch.path() + "/eth0";
  const auto make = [&path](const char* text) {
    std::filesystem::create_directory(path);
    std::ofstream(path + "/mtu") << text;
  };
  KeptFolder folder;
  EXPECT_FALSE(folder.follow(path));
  EXPECT_EQ(read(folder.file(0, "mtu")), "none");
  make("1500");
  ASSERT_TRUE(folder.follow(path));
  const int file = folder.file(0, "mtu");
  EXPECT_EQ(read(file), "1500");
  EXPECT_EQ(read(folder.file(1, "speed")), "none");
  make("9000");
  ASSERT_TRUE(folder.follow(path));
  EXPECT_EQ(folder.file(0, "mtu"), file);
  EXPECT_EQ(read(file), "9000");
  // Renamed: its files live on under another name, and another has this one.
  std::filesystem::rename(path, scratch.path() + "/uplink");
  EXPECT_FALSE(folder.follow(path));
  EXPECT_EQ(read(folder.file(0, "mtu")), "none");
  make("1400");
  ASSERT_TRUE(folder.follow(path));
  EXPECT_EQ(read(folder.file(0, "mtu")), "1400");
  std::filesystem::rename(path, scratch.path() + "/downlink");
  make("1300");
  ASSERT_TRUE(folder.follow(path));
  EXPECT_EQ(read(folder.file(0, "mtu")), "1300");
}

}  // namespace
}  // namespace notch::agent
