#include "agent/files/proc_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "agent/files/file_descriptor.h"

namespace notch::agent {
namespace {

constexpr std::size_t kMostBytes = 256 * 1024;

}  // namespace

std::string read_proc(const char* path) {
  return read_proc_at(AT_FDCWD, path);
}

std::string read_proc_at(int folder, const char* path) {
  std::string text;
  const FileDescriptor file(::openat(folder, path, O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return text;
  std::array<char, 4096> block;
  while (text.size() < kMostBytes) {
    const ssize_t got = ::read(file.get(), block.data(), block.size());
    if (got <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  return text;
}

std::optional<std::uint64_t> take_number(std::string_view& text) {
  const std::size_t start = text.find_first_not_of(" \t");
  if (start == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + start, end, value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return value;
}

}  // namespace notch::agent
