// An executable of hostile bytes: it is read within its bounds, and what comes of it is sound.
// Called by: libFuzzer, and corpus_replay.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "agent/tool/elf_program.h"

namespace {

using namespace notch::agent;

void require(bool kept) {
  if (!kept) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  ElfProgram program;
  const ElfRead read = read_elf_program(
      [file](std::uint64_t offset, std::span<std::byte> out) {
        require(out.size() <= kElfMostBytes);
        if (offset > file.size() || out.size() > file.size() - offset) return false;
        if (!out.empty()) std::memcpy(out.data(), file.data() + offset, out.size());
        return true;
      },
      program);
  // What is told was in the file.
  require(file.find(program.loader) != std::string_view::npos);
  require(file.find(program.sanitizer) != std::string_view::npos);
  if (read == ElfRead::kElf) return 0;
  require(program.loader.empty() && program.sanitizer.empty() && !program.is_go);
  return 0;
}
