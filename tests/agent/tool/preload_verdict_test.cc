// Which programs a library can be preloaded into: files made for the purpose, and real ones.
#include "agent/tool/preload_verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <string>

#include "tests/agent/tool/elf_image.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

using testing::ElfImage;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class PreloadVerdictTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& content, mode_t mode = 0755) {
    directory_.write(name, content);
    EXPECT_EQ(::chmod(directory_.path(name).c_str(), mode), 0);
    return directory_.path(name);
  }
  std::string program(const std::string& name, ElfImage image, mode_t mode = 0755) {
    return file(name, image.place().bytes(), mode);
  }
  PreloadVerdict judge(const std::string& path, const char* search_path = "/usr/bin:/bin") {
    return judge_preload(path, ElfImage::target(), search_path);
  }
  std::string refusal(const std::string& path) { return judge(path).refusal; }

  testing::ScratchDirectory directory_{NOTCH_BINARY_DIR};
};

TEST_F(PreloadVerdictTest, AProgramOfGlibcIsFine) {
  EXPECT_EQ(refusal(program("fine", ElfImage().needs("libc.so.6"))), "");
}

TEST_F(PreloadVerdictTest, RealProgramsAreFine) {
  ElfProgram shell;
  ASSERT_EQ(read_elf_file("/bin/sh", shell), ElfRead::kElf);
  for (const char* path : {"/bin/true", "/bin/sh", "/usr/bin/python3", "/usr/bin/env"}) {
    EXPECT_EQ(judge_preload(path, shell.target, nullptr).refusal, "") << path;
  }
}

TEST_F(PreloadVerdictTest, AStaticProgramIsRefused) {
  using namespace std::string_view_literals;
  ElfImage image;
  image.interpreter.p_type = PT_NULL;
  EXPECT_EQ(refusal(program("static", image)), "is statically linked");
  EXPECT_EQ(refusal(program("go", image.has_note(4, "Go\0\0"sv))), "is a static Go program");
}

TEST_F(PreloadVerdictTest, ADynamicGoProgramRunsWithItAndARemark) {
  using namespace std::string_view_literals;
  const std::string go = program("go", ElfImage().needs("libc.so.6").has_note(4, "Go\0\0"sv));
  EXPECT_EQ(refusal(go), "");
  EXPECT_THAT(judge(go).remark, StartsWith("is a Go program, which makes its own system calls"));
  EXPECT_THAT(judge(file("script", "#!" + go + "\n")).remark,
              StartsWith("is run by " + go + ", which is a Go program"));
  EXPECT_EQ(judge(program("c", ElfImage().needs("libc.so.6"))).remark, "");
}

TEST_F(PreloadVerdictTest, AScriptChangesItsUserIfItsInterpreterMay) {
  const std::string shell = program("shell", ElfImage().needs("libc.so.6").mentions("setuid"));
  EXPECT_TRUE(judge(shell).changes_user);
  EXPECT_TRUE(judge(file("script", "#!" + shell + "\n")).changes_user);
  EXPECT_FALSE(judge(program("fine", ElfImage().needs("libc.so.6"))).changes_user);
}

TEST_F(PreloadVerdictTest, AnotherLibcIsRefusedByItsLoader) {
  ElfImage image;
  image.loader = std::string("/lib/ld-musl-x86_64.so.1") + '\0';
  EXPECT_EQ(refusal(program("musl", image)),
            "is not linked with glibc (its loader is /lib/ld-musl-x86_64.so.1)");
  image.loader = std::string("/nix/store/x-glibc-2.40/lib/ld-linux-x86-64.so.2") + '\0';
  EXPECT_EQ(refusal(program("nix", image)), "");
}

TEST_F(PreloadVerdictTest, AnotherMachineIsRefused) {
  ElfImage image;
  image.header.e_machine = EM_AARCH64;
  EXPECT_EQ(refusal(program("arm", image)), "is a program of another architecture");
  image.header.e_machine = EM_X86_64;
  image.header.e_ident[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(refusal(program("x32", image)), "is a 32-bit program");
}

TEST_F(PreloadVerdictTest, ASanitizersProgramIsRefused) {
  EXPECT_EQ(refusal(program("asan", ElfImage().needs("libasan.so.8"))),
            "is built with a sanitizer (libasan.so.8)");
}

TEST_F(PreloadVerdictTest, PrivilegesToGainAreRefusedAndOnesOwnAreNot) {
  const std::string own = program("own", ElfImage(), 04755);
  EXPECT_EQ(refusal(own), "");
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to give a program to another user";
  const std::string others = program("others", ElfImage());
  ASSERT_EQ(::chown(others.c_str(), 65534, 65534), 0);
  EXPECT_EQ(refusal(others), "");
  ASSERT_EQ(::chmod(others.c_str(), 04755), 0);
  struct statvfs mount {};
  ASSERT_EQ(::statvfs(others.c_str(), &mount), 0);
  if ((mount.f_flag & ST_NOSUID) != 0) {
    EXPECT_EQ(refusal(others), "");
    GTEST_SKIP() << "the build is on a file system that gives no privileges";
  }
  EXPECT_THAT(refusal(others), StartsWith("gains privileges"));
  ASSERT_EQ(::chmod(others.c_str(), 02755), 0);
  EXPECT_THAT(refusal(others), StartsWith("gains privileges"));
  ASSERT_EQ(::chmod(others.c_str(), 02745), 0);  // a lock's mark, not a privilege
  EXPECT_EQ(refusal(others), "");
}

TEST_F(PreloadVerdictTest, AScriptIsJudgedByItsInterpreter) {
  ElfImage image;
  image.interpreter.p_type = PT_NULL;
  const std::string interpreter = program("static", image);
  const std::string script = file("script", "#! \t" + interpreter + " -x\nrest\n");
  EXPECT_EQ(refusal(script), "is run by " + interpreter + ", which is statically linked");
  EXPECT_EQ(refusal(file("outer", "#!" + script + "\n")),
            "is run by " + interpreter + ", which is statically linked");
  EXPECT_EQ(refusal(file("fine", "#!/bin/sh\n")), "");
}

TEST_F(PreloadVerdictTest, EnvIsJudgedByWhatItRuns) {
  ElfImage image;
  image.interpreter.p_type = PT_NULL;
  const std::string interpreter = program("odd", image);
  for (const std::string line : {" odd", " -S odd -u", " -i odd", " -S A=1 B=2 odd x", " -Sodd"}) {
    const PreloadVerdict verdict =
        judge(file("script", "#!/usr/bin/env" + line + "\n"), directory_.path().c_str());
    EXPECT_EQ(verdict.refusal, "is run by " + interpreter + ", which is statically linked") << line;
  }
  EXPECT_EQ(refusal(file("missing", "#!/usr/bin/env nosuchprogram\n")), "");
}

TEST_F(PreloadVerdictTest, ScriptsWithoutEndAreRefused) {
  const std::string path = directory_.path("loop");
  EXPECT_THAT(refusal(file("loop", "#!" + path + "\n")), HasSubstr("too many times"));
}

TEST_F(PreloadVerdictTest, ATextWithoutAnInterpreterIsTheShells) {
  const PreloadVerdict verdict = judge(file("text", "echo hello\n"));
  EXPECT_EQ(verdict.refusal, "");
  EXPECT_TRUE(verdict.needs_shell);
  EXPECT_FALSE(judge(file("script", "#!/bin/sh\n")).needs_shell);
}

TEST_F(PreloadVerdictTest, WhatIsNoProgramIsRefused) {
  EXPECT_EQ(refusal(file("binary", std::string("\0\1\2", 3))), "is neither ELF nor a script");
  EXPECT_EQ(refusal(file("broken",
                         "\x7f"
                         "ELF")),
            "is not a valid ELF file");
  EXPECT_EQ(refusal(file("nameless", "#! \n")), "is a script that names no interpreter");
  EXPECT_EQ(refusal(directory_.path()), "is not a regular file");
  EXPECT_THAT(refusal(directory_.path("absent")), StartsWith("cannot be examined (No such file"));
}

}  // namespace
}  // namespace notch::agent
