// Reading executables: sound ones made by hand, each way to be wrong, and the system's own.
#include "agent/tool/elf_program.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/agent/tool/elf_image.h"

namespace notch::agent {
namespace {

using testing::ElfImage;

ElfRead read(const std::string& file, ElfProgram& program) {
  return read_elf_program(testing::reader_of(file), program);
}

ElfProgram sound(ElfImage image) {
  ElfProgram program;
  EXPECT_EQ(read(image.place().bytes(), program), ElfRead::kElf);
  return program;
}

ElfRead read_counting(const std::string& file, std::size_t& read_bytes) {
  ElfProgram program;
  return read_elf_program(
      [&, from_file = testing::reader_of(file)](std::uint64_t offset, std::span<std::byte> out) {
        read_bytes += out.size();
        return from_file(offset, out);
      },
      program);
}

void expect_broken(const std::string& file, const char* what) {
  ElfProgram program;
  EXPECT_EQ(read(file, program), ElfRead::kBroken) << what;
  EXPECT_EQ(program.loader, "") << what;
}

TEST(ElfProgram, TellsTargetAndLoader) {
  const ElfProgram program = sound(ElfImage().needs("libc.so.6"));
  EXPECT_EQ(program.target, ElfImage::target());
  EXPECT_EQ(program.loader, ElfImage::kGlibc);
  EXPECT_EQ(program.sanitizer, "");
  EXPECT_FALSE(program.is_go);
}

TEST(ElfProgram, WithoutALoaderItIsStatic) {
  ElfImage image;
  image.place().interpreter.p_type = PT_NULL;
  ElfProgram program;
  EXPECT_EQ(read(image.bytes(), program), ElfRead::kElf);
  EXPECT_EQ(program.loader, "");
}

TEST(ElfProgram, KnowsGoByItsBuildIdAfterOtherNotes) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(sound(ElfImage().has_note(1, "GNU\0"sv).has_note(4, "Go\0\0"sv)).is_go);
  EXPECT_FALSE(sound(ElfImage().has_note(3, "Go\0\0"sv)).is_go);
  EXPECT_FALSE(sound(ElfImage().has_note(4, "GNU\0"sv)).is_go);
}

// With a table of sections behind it: the first, which is none, and that of names.
std::string with_section(ElfImage image, const std::string& name, std::uint64_t names_bytes = 0) {
  const std::string names = std::string(1, '\0') + ".text" + '\0' + name + '\0';
  image.place();
  image.header.e_shoff = image.load.p_filesz;
  image.header.e_shentsize = sizeof(ElfW(Shdr));
  image.header.e_shnum = 2;
  image.header.e_shstrndx = 1;
  ElfW(Shdr) sections[2] = {};
  sections[1].sh_offset = image.header.e_shoff + sizeof sections;
  sections[1].sh_size = names_bytes != 0 ? names_bytes : names.size();
  std::string table(sizeof sections, '\0');
  std::memcpy(table.data(), sections, sizeof sections);
  return image.bytes() + table + names;
}

TEST(ElfProgram, KnowsGoByASectionWhereItHasNoNote) {
  ElfProgram program;
  EXPECT_EQ(read(with_section(ElfImage(), ".go.buildinfo"), program), ElfRead::kElf);
  EXPECT_TRUE(program.is_go);
  EXPECT_EQ(read(with_section(ElfImage(), ".go.buildinfo2"), program), ElfRead::kElf);
  EXPECT_FALSE(program.is_go);
}

TEST(ElfProgram, SectionsThatAreNotSoundAreNone) {
  const std::string whole = with_section(ElfImage(), ".go.buildinfo");
  for (const std::string& file :
       {with_section(ElfImage(), ".go.buildinfo", 1U << 30),
        with_section(ElfImage(), ".go.buildinfo", 4000), with_section(ElfImage(), ""),
        whole.substr(0, whole.size() - 1), whole.substr(0, whole.size() - 100)}) {
    ElfProgram program;
    EXPECT_EQ(read(file, program), ElfRead::kElf);
    EXPECT_FALSE(program.is_go);
  }
}

TEST(ElfProgram, TellsWhetherItNamesAChangeOfUser) {
  EXPECT_FALSE(sound(ElfImage().needs("libc.so.6").mentions("getuid")).changes_user);
  EXPECT_FALSE(sound(ElfImage().needs("libc.so.6").mentions("my_setuid")).changes_user);
  for (const char* function : {"setuid", "setresuid", "initgroups"}) {
    EXPECT_TRUE(sound(ElfImage().needs("libc.so.6").mentions(function)).changes_user) << function;
  }
}

TEST(ElfProgram, KnowsSanitizersByTheirLibraries) {
  for (const char* library : {"libasan.so.8", "libtsan.so.2", "libubsan.so.1", "liblsan.so.0",
                              "libhwasan.so.0", "/opt/llvm/lib/libclang_rt.asan-x86_64.so"}) {
    const std::string name(library);
    EXPECT_EQ(sound(ElfImage().needs("libc.so.6").needs(library)).sanitizer,
              name.substr(name.rfind('/') + 1));
  }
  EXPECT_EQ(sound(ElfImage().needs("libmyasan.so.1")).sanitizer, "");
}

TEST(ElfProgram, KnowsSanitizersLinkedStaticallyByTheirSymbols) {
  EXPECT_EQ(sound(ElfImage().mentions("__asan_init")).sanitizer, "__asan_init");
  EXPECT_EQ(sound(ElfImage().mentions("__tsan_init")).sanitizer, "__tsan_init");
  EXPECT_EQ(sound(ElfImage().mentions("__ubsan_handle_add_overflow")).sanitizer, "__ubsan_handle_");
  // A hook that programs may have without any.
  EXPECT_EQ(sound(ElfImage().mentions("__asan_initialized").mentions("my__asan_init")).sanitizer,
            "");
}

TEST(ElfProgram, OfAnotherMachineOnlyTheTargetIsRead) {
  ElfImage image;
  image.place().header.e_ident[EI_CLASS] = ELFCLASS32;
  image.header.e_phnum = 0xffff;  // would be broken
  ElfProgram program;
  EXPECT_EQ(read(image.bytes(), program), ElfRead::kElf);
  EXPECT_EQ(program.target, (ElfTarget{ELFCLASS32, ELFDATA2LSB, EM_X86_64}));
  image.header.e_ident[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(read(image.bytes(), program), ElfRead::kElf);
  EXPECT_EQ(program.target.machine, EM_X86_64 << 8);
}

TEST(ElfProgram, WhatDoesNotBeginAsElfIsNone) {
  for (const std::string file : {"",
                                 "\x7f"
                                 "EL",
                                 "#!/bin/sh\n",
                                 "\x7f"
                                 "elf and more than that"}) {
    ElfProgram program;
    EXPECT_EQ(read(file, program), ElfRead::kNotElf);
  }
}

TEST(ElfProgram, CutAnywhereBeforeItsEndItIsBroken) {
  const std::string whole = ElfImage().needs("libc.so.6").place().bytes();
  for (std::size_t length = SELFMAG; length < whole.size(); ++length) {
    ElfProgram program;
    EXPECT_EQ(read(whole.substr(0, length), program), ElfRead::kBroken) << length;
  }
}

struct Spoiled {
  const char* what;
  void (*spoil)(ElfImage&);
};

TEST(ElfProgram, EachBrokenRuleIsSeen) {
  const Spoiled cases[] = {
      {"class", [](ElfImage& i) { i.header.e_ident[EI_CLASS] = 3; }},
      {"byte order", [](ElfImage& i) { i.header.e_ident[EI_DATA] = 0; }},
      {"segment size", [](ElfImage& i) { i.header.e_phentsize = 8; }},
      {"segments' place", [](ElfImage& i) { i.header.e_phoff = UINT64_MAX - 7; }},
      {"segments' number", [](ElfImage& i) { i.header.e_phnum = 0xffff; }},
      {"loader's place", [](ElfImage& i) { i.interpreter.p_offset = UINT64_MAX; }},
      {"loader's length", [](ElfImage& i) { i.interpreter.p_filesz = 1 << 20; }},
      {"loader's end", [](ElfImage& i) { i.interpreter.p_filesz -= 1; }},
      {"loader's emptiness", [](ElfImage& i) { i.loader.assign(i.loader.size(), '\0'); }},
      {"dynamic section's place", [](ElfImage& i) { i.dynamic.p_offset = 1U << 31; }},
      {"dynamic section's length", [](ElfImage& i) { i.dynamic.p_filesz = 1 << 20; }},
      {"strings' address", [](ElfImage& i) { i.strings_address = 8; }},
      {"strings' address", [](ElfImage& i) { i.strings_address = UINT64_MAX; }},
      {"strings' length", [](ElfImage& i) { i.strings_bytes = UINT64_MAX; }},
      {"strings' length", [](ElfImage& i) { i.strings_bytes += 1; }},
      {"strings' end", [](ElfImage& i) { i.strings_bytes -= 1; }},
      {"strings' absence", [](ElfImage& i) { i.strings_bytes = 0; }},
      {"library's name", [](ElfImage& i) { i.needed[0] = i.strings.size(); }},
      {"library's name", [](ElfImage& i) { i.needed[0] = UINT64_MAX; }},
      {"wrapping address",
       [](ElfImage& i) {
         i.load.p_vaddr = 0;
         i.load.p_offset = UINT64_MAX;
       }},
  };
  for (const Spoiled& spoiled : cases) {
    ElfImage image;
    image.needs("libc.so.6").place();
    spoiled.spoil(image);
    expect_broken(image.bytes(), spoiled.what);
  }
}

TEST(ElfProgram, StringsThatGoOnBehindTheirSegmentAreBroken) {
  ElfImage image;
  image.needs("libc.so.6").place();
  image.strings_bytes += 1;
  expect_broken(image.bytes() + '\0', "strings' length");
}

TEST(ElfProgram, TablesPastTheirLimitAreNotRead) {
  // The file could be that long: the reader must not even ask.
  ElfImage image;
  image.needs("libc.so.6").place();
  image.strings_bytes = kElfMostBytes + 1;
  const std::string file = image.bytes();
  std::string bytes = file;
  std::memcpy(&bytes[sizeof(ElfW(Ehdr)) + offsetof(ElfW(Phdr), p_filesz)], "\0\0\0\0\1\0\0\0", 8);
  const ReadAt from_file = testing::reader_of(bytes);
  ElfProgram program;
  const ElfRead read = read_elf_program(
      [&](std::uint64_t offset, std::span<std::byte> out) {
        EXPECT_LE(out.size(), bytes.size());
        return from_file(offset, out);
      },
      program);
  EXPECT_EQ(read, ElfRead::kBroken);
}

TEST(ElfProgram, HoweverManySegmentsItNamesItIsReadOnce) {
  ElfImage image;
  image.needs("libc.so.6").place();
  // Behind the file: the same four segments again and again, which the header names now.
  constexpr std::size_t kTimes = 100;
  std::string file = image.bytes();
  const std::string segments = file.substr(sizeof image.header, 4 * sizeof image.load);
  image.header.e_phoff = file.size();
  image.header.e_phnum = 4 * kTimes;
  file.replace(0, sizeof image.header, reinterpret_cast<const char*>(&image.header),
               sizeof image.header);
  for (std::size_t i = 0; i < kTimes; ++i) file += segments;
  std::size_t read_bytes = 0;
  const ElfRead read = read_counting(file, read_bytes);
  EXPECT_EQ(read, ElfRead::kBroken);
  EXPECT_LE(read_bytes, file.size() + 2 * sizeof image.header);
}

TEST(ElfProgram, NotesTogetherAreReadUpToTheirLimit) {
  ElfImage image;
  image.has_note(1, std::string(48 * 1024, 'n')).needs("libc.so.6").place();
  image.dynamic.p_type = PT_NOTE;  // a second one, of what is past the limit with the first
  image.dynamic.p_offset = image.note.p_offset;
  image.dynamic.p_filesz = image.note.p_filesz;
  const std::string file = image.bytes();
  std::size_t read_bytes = 0;
  const ElfRead read = read_counting(file, read_bytes);
  EXPECT_EQ(read, ElfRead::kElf);
  EXPECT_LE(read_bytes, 64U * 1024);
}

TEST(ElfProgram, ReadsTheSystemsOwn) {
  std::ifstream in("/bin/true", std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  ElfProgram program;
  ASSERT_EQ(read(file, program), ElfRead::kElf);
  EXPECT_NE(program.loader.find("/ld-linux"), std::string::npos) << program.loader;
  EXPECT_EQ(program.sanitizer, "");
}

}  // namespace
}  // namespace notch::agent
