#include "agent/host/host_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace notch::agent {
namespace {

constexpr std::size_t kFirstBytes = 4096;

// How much of a text that was cut off is whole lines.
std::size_t whole_lines(std::string_view text) {
  return text.rfind('\n') + 1;
}

// The whole file from its start, `cut` if there is more of it than kMostTextBytes. False with errno
// if it cannot be read.
bool read_whole(int file, std::string& text, bool& cut) {
  std::size_t size = 0;
  if (text.capacity() < kFirstBytes) text.reserve(kFirstBytes);
  for (;;) {
    text.resize(std::min(std::max(text.capacity(), size + kFirstBytes), HostFiles::kMostTextBytes));
    if (text.size() == size) break;
    const ssize_t got =
        ::pread(file, text.data() + size, text.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  cut = size == HostFiles::kMostTextBytes;
  if (cut) size = whole_lines(text);
  text.resize(size);
  return true;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\n");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::optional<double> number_of(std::optional<std::string_view> line) {
  if (!line) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = line->data() + line->size();
  std::string_view digits = *line;
  const bool hexadecimal = digits.starts_with("0x");
  if (hexadecimal) digits.remove_prefix(2);
  const auto [stop, error] = std::from_chars(digits.data(), end, value, hexadecimal ? 16 : 10);
  if (error != std::errc() || stop != end) return std::nullopt;
  return static_cast<double>(value);
}

}  // namespace

std::string HostFiles::below(const std::string& root, std::string_view name) {
  std::string path = root;
  if (!path.ends_with('/')) path += '/';
  return path.append(name);
}

void HostFiles::fail(const std::string& path, int error) {
  missing_ = error == ENOENT || error == ENOTDIR;
  error_ = path + ": " + std::strerror(error);
}

bool HostFiles::read_kept(const std::string& path, Kept& kept) {
  bool cut = false;
  if (kept.file.valid()) {
    if (read_whole(kept.file.get(), kept.text, cut)) {
      cut_texts_ += cut ? 1 : 0;
      return true;
    }
    kept.file = FileDescriptor();  // a namespace or a device that is gone: perhaps it is there anew
  }
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid() || !read_whole(file.get(), kept.text, cut)) {
    fail(path, errno);
    return false;
  }
  cut_texts_ += cut ? 1 : 0;
  if (kept_.size() <= kMostKept) kept.file = std::move(file);
  return true;
}

bool HostFiles::read_proc(const char* name, Kept& kept) {
  // procfs has net/ as self/net/, which is of the reader's network namespace: in a container not the host's.
  const bool is_elsewhere = paths_.procfs != HostPaths().procfs;
  if (is_elsewhere && std::string_view(name).starts_with("net/") &&
      read_kept(proc_path(std::string("1/") + name), kept)) {
    return true;
  }
  return read_kept(proc_path(name), kept);
}

std::optional<std::string_view> HostFiles::proc(const char* name) {
  auto found = kept_.find(std::string_view(name));
  if (found == kept_.end()) found = kept_.emplace(name, Kept()).first;
  Kept& kept = found->second;
  if (kept.scrape != scrape_) {
    kept.scrape = scrape_;
    kept.readable = read_proc(name, kept);
    kept.missing = missing_;
  } else if (!kept.readable) {
    missing_ = kept.missing;
    error_ = proc_path(name) + ": cannot be read";
  }
  if (!kept.readable) return std::nullopt;
  return kept.text;
}

std::optional<std::string_view> HostFiles::line_of(const std::string& path) {
  return line_at(AT_FDCWD, path.c_str());
}

std::optional<std::string_view> HostFiles::line_at(int folder, const char* name) {
  const FileDescriptor file(::openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const std::optional<std::string_view> line = line_in(file.get());
  if (!line) fail(name, errno);
  return line;
}

std::optional<std::string_view> HostFiles::line_in(int file) {
  line_.resize(kMostLineBytes);  // once: it stays so
  const ssize_t got = file >= 0 ? ::pread(file, line_.data(), line_.size(), 0) : -1;
  if (got < 0) return std::nullopt;
  std::string_view read(line_.data(), static_cast<std::size_t>(got));
  if (read.size() == kMostLineBytes) {
    ++cut_texts_;
    read = read.substr(0, whole_lines(read));
  }
  return trimmed(read);
}

std::optional<double> HostFiles::number_at(int folder, const char* name) {
  return number_of(line_at(folder, name));
}

std::optional<double> HostFiles::number_in(int file) {
  return number_of(line_in(file));
}

std::vector<std::string> HostFiles::names_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
  if (folder == nullptr) return names;
  while (const dirent* const entry = ::readdir(folder.get())) {
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace notch::agent
