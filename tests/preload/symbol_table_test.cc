// Tables of symbols as packers, strippers and injectors leave them: an object made by hand, each of
// its fields spoilt in turn. A table ends where readable memory does: the page behind is none.
#include "client/preload/symbol_table.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace notch::preload {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint32_t kAbsurd = 0xfffffff1;

ElfW(Phdr) part(ElfW(Word) type, ElfW(Word) flags, ElfW(Addr) address, ElfW(Xword) bytes) {
  ElfW(Phdr) made{};
  made.p_type = type;
  made.p_flags = flags;
  made.p_vaddr = address;
  made.p_memsz = bytes;
  return made;
}

ElfW(Sym) symbol(ElfW(Word) name, unsigned char info, ElfW(Section) section, ElfW(Addr) value) {
  ElfW(Sym) made{};
  made.st_name = name;
  made.st_info = info;
  made.st_shndx = section;
  made.st_value = value;
  return made;
}

// One readable part of one page that ends where nothing may be read. It has an import, `wanted`,
// and a definition, `own`.
class Object : public ::testing::Test {
 protected:
  static constexpr std::size_t kDynamic = 0, kSymbols = 256, kStrings = 512, kVersions = 640;
  static constexpr std::size_t kHash = 768, kOldHash = 1024, kRelocations = 1280, kCode = 2048;
  static constexpr std::uint32_t kWantedName = 1, kOwnName = 8;

  void SetUp() override {
    void* const pages = mmap(nullptr, 3 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(pages, MAP_FAILED);
    pages_ = static_cast<char*>(pages);
    ASSERT_EQ(mprotect(image(), kPage, PROT_READ | PROT_WRITE), 0);
    parts_[0] = part(PT_LOAD, PF_R | PF_X, 0, kPage);
    parts_[1] = part(PT_DYNAMIC, PF_R, kDynamic, 9 * sizeof(ElfW(Dyn)));
    set(DT_SYMTAB, kSymbols);
    set(DT_STRTAB, kStrings);
    set(DT_VERSYM, kVersions);
    set(DT_GNU_HASH, kHash);
    std::memcpy(image() + kStrings, "\0wanted\0own\0", 12);
    symbols()[1] = symbol(kWantedName, 0, SHN_UNDEF, 0);
    symbols()[2] = symbol(kOwnName, STT_FUNC, 1, kCode);
    const std::uint32_t own = gnu_hash_of("own");
    const std::uint32_t words[] = {1, 2, 1, 6, ~0U, ~0U, 2, own | 1};
    std::memcpy(image() + kHash, words, sizeof words);
  }
  void TearDown() override { munmap(pages_, 3 * kPage); }

  char* image() const { return pages_ + kPage; }
  ElfW(Sym) * symbols() const { return reinterpret_cast<ElfW(Sym)*>(image() + kSymbols); }
  std::uint32_t* words_at(std::size_t offset) const {
    return reinterpret_cast<std::uint32_t*>(image() + offset);
  }
  std::uint32_t* gnu_hash() const { return words_at(kHash); }

  // An entry of the dynamic section, the same one each time.
  void set(ElfW(Sxword) tag, ElfW(Addr) value) {
    auto* entry = reinterpret_cast<ElfW(Dyn)*>(image() + kDynamic);
    while (entry->d_tag != tag && entry->d_tag != DT_NULL) ++entry;
    *entry = {.d_tag = tag, .d_un = {.d_ptr = value}};
  }

  SymbolTable table() const {
    dl_phdr_info info{};
    info.dlpi_addr = reinterpret_cast<ElfW(Addr)>(image());
    info.dlpi_phdr = parts_;
    info.dlpi_phnum = 2;
    return symbol_table(info);
  }
  void* find(const char* name) const { return find_in(table(), name, gnu_hash_of(name)); }
  bool imports(const char* name) const { return imports_any(table(), name, 1); }

  // Nothing is found, and nobody dies on the way.
  void expect_nothing(const char* what) const {
    SCOPED_TRACE(what);
    EXPECT_EQ(find("own"), nullptr);
    EXPECT_EQ(find("absent"), nullptr);
    imports("wanted");
    imports("absent");
    EXPECT_FALSE(visit_relocations(table(), [](const ElfW(Rela)&) { return false; }));
  }

  char* pages_ = nullptr;
  ElfW(Phdr) parts_[2] = {};
};

TEST_F(Object, ThatIsSoundIsRead) {
  EXPECT_EQ(find("own"), image() + kCode);
  EXPECT_EQ(find("wanted"), nullptr);
  EXPECT_EQ(find("absent"), nullptr);
  EXPECT_TRUE(imports("wanted"));
  EXPECT_FALSE(imports("own"));
  EXPECT_FALSE(imports("absent"));
}

TEST_F(Object, MayHaveAnyCountInItsHash) {
  for (const std::uint32_t value : {0U, 7U, 1U << 20, kAbsurd}) {
    for (const std::size_t word : {0U, 1U, 2U, 6U}) {
      if (word == 6 && value == 7) continue;  // a place in the page, of nobody
      const std::uint32_t before = std::exchange(gnu_hash()[word], value);
      const std::string what = "word " + std::to_string(word) + " is " + std::to_string(value);
      expect_nothing(what.c_str());
      gnu_hash()[word] = before;
    }
  }
  EXPECT_EQ(find("own"), image() + kCode);
}

TEST_F(Object, MayShiftByMoreThanThereIs) {
  gnu_hash()[3] = 6 + 32;
  EXPECT_EQ(find("own"), image() + kCode);
}

TEST_F(Object, MayHaveAHashOfZeros) {
  std::memset(gnu_hash(), 0, 64);
  expect_nothing("zeros");
  EXPECT_TRUE(imports("absent")) << "what cannot be asked may import anything";
}

TEST_F(Object, MayHaveAChainWithoutAnEnd) {
  for (std::size_t i = kHash / 4 + 7; i < kPage / 4; ++i) words_at(0)[i] = gnu_hash_of("own") & ~1U;
  symbols()[2].st_name = kWantedName;
  expect_nothing("a chain without an end");
}

TEST_F(Object, MayHaveItsTablesAnywhere) {
  for (const ElfW(Sxword) tag : {DT_SYMTAB, DT_STRTAB, DT_GNU_HASH}) {
    for (const ElfW(Addr) value : {ElfW(Addr){1} << 40, ~ElfW(Addr){0}, ElfW(Addr){kPage - 1},
                                   ElfW(Addr){kPage}, ElfW(Addr){kPage - 8}}) {
      set(tag, value);
      const std::string what = "tag " + std::to_string(tag) + " at " + std::to_string(value);
      expect_nothing(what.c_str());
    }
    set(tag, tag == DT_SYMTAB ? kSymbols : tag == DT_STRTAB ? kStrings : kHash);
  }
  EXPECT_EQ(find("own"), image() + kCode);
}

TEST_F(Object, MayHaveNoVersionsWhereItSays) {
  set(DT_VERSYM, kPage - 2);
  EXPECT_EQ(find("own"), image() + kCode);
  set(DT_VERSYM, ElfW(Addr){1} << 40);
  EXPECT_EQ(find("own"), image() + kCode);
}

TEST_F(Object, MayNameWhatIsNoName) {
  symbols()[2].st_name = kAbsurd;
  symbols()[1].st_name = kAbsurd;
  expect_nothing("names outside");
  EXPECT_FALSE(imports("wanted"));
  // Names that end with the memory they are in.
  std::memcpy(image() + kPage - 3, "own", 3);
  symbols()[2].st_name = kPage - 3 - kStrings;
  EXPECT_EQ(find("own"), nullptr);
}

TEST_F(Object, MayDefineWhatLiesOutside) {
  for (const ElfW(Addr) value : {ElfW(Addr){kPage}, ~ElfW(Addr){0}, ElfW(Addr){1} << 40}) {
    symbols()[2].st_value = value;
    expect_nothing("outside");
    symbols()[2].st_info = STT_GNU_IFUNC;
    expect_nothing("a resolver outside");
  }
}

TEST_F(Object, HasNoResolverWhereThereIsNoCode) {
  parts_[0].p_flags = PF_R;
  symbols()[2].st_info = STT_GNU_IFUNC;
  EXPECT_EQ(find("own"), nullptr);
}

// Any word of any table, several at once; what is found then lies in the object.
TEST_F(Object, MayBeSpoiltAnywhere) {
  parts_[0].p_flags = PF_R;  // so that nothing of it is called
  const std::vector<char> sound(image(), image() + kPage);
  std::mt19937 random(20261201);
  constexpr std::uint32_t kEdges[] = {0, 1, 2, 31, 32, 64, kPage, 1U << 20, kAbsurd, ~0U};
  for (int round = 0; round < 50'000; ++round) {
    std::memcpy(image(), sound.data(), kPage);
    for (unsigned changes = random() % 4 + 1; changes != 0; --changes) {
      const std::uint32_t value = random() % 2 == 0 ? kEdges[random() % std::size(kEdges)]
                                                    : static_cast<std::uint32_t>(random());
      words_at(0)[random() % (kCode / sizeof value)] = value;
    }
    const char* const found = static_cast<char*>(find("own"));
    ASSERT_TRUE(found == nullptr || (found >= image() && found < image() + kPage));
    find("absent");
    imports("wanted");
    visit_relocations(table(), [](const ElfW(Rela)&) { return false; });
  }
}

TEST_F(Object, MayHaveTheOldTableAlone) {
  set(DT_GNU_HASH, 0);
  reinterpret_cast<ElfW(Dyn)*>(image() + kDynamic)[3].d_tag = DT_HASH;
  set(DT_HASH, kOldHash);
  words_at(kOldHash)[1] = 3;
  EXPECT_EQ(find("own"), image() + kCode);
  words_at(kOldHash)[1] = kAbsurd;
  EXPECT_EQ(find("absent"), nullptr);
  EXPECT_TRUE(imports("absent"));
  set(DT_HASH, kPage - 4);
  expect_nothing("a part of the header");
}

TEST_F(Object, MayHaveRelocationsAnywhere) {
  set(DT_RELA, kRelocations);
  set(DT_RELASZ, ~ElfW(Addr){0});
  std::size_t count = 0;
  visit_relocations(table(), [&](const ElfW(Rela)&) { return ++count > kPage; });
  EXPECT_EQ(count, (kPage - kRelocations) / sizeof(ElfW(Rela)));
  set(DT_RELA, kPage - 1);
  EXPECT_FALSE(visit_relocations(table(), [](const ElfW(Rela)&) { return true; }));
  // An empty hash: the relocations say where imports end.
  set(DT_RELA, kRelocations);
  gnu_hash()[1] = 1;
  gnu_hash()[6] = 0;
  auto* const relocations = reinterpret_cast<ElfW(Rela)*>(image() + kRelocations);
  relocations[0].r_info = ElfW(Xword){1} << 32;
  relocations[1].r_info = ElfW(Xword){kAbsurd} << 32;
  EXPECT_TRUE(imports("wanted"));
}

TEST_F(Object, MayHaveNoDynamicSectionOrOneWithoutAnEnd) {
  parts_[1].p_vaddr = ElfW(Addr){1} << 40;
  expect_nothing("elsewhere");
  parts_[1].p_vaddr = kPage - 8;
  expect_nothing("half an entry");
  parts_[1].p_vaddr = kDynamic;
  parts_[0].p_flags = PF_X;
  expect_nothing("not readable");
  parts_[0].p_flags = PF_R;
  auto* const entries = reinterpret_cast<ElfW(Dyn)*>(image());
  for (std::size_t i = 0; i < kPage / sizeof *entries; ++i) entries[i].d_tag = DT_DEBUG;
  expect_nothing("no end");
}

}  // namespace
}  // namespace notch::preload
