// Small texts of /proc: read whole, walked by line, numbers taken from the front.
// Called by: own_process, process_text, process_sample, process_figures,
// the collectors of host/.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace notch::agent {

// The file's content, at most 256 KiB; empty if it cannot be read.
std::string read_proc(const char* path);
std::string read_proc_at(int folder, const char* path);  // as openat(2)

// Takes blanks and then a decimal number off the front. Nothing if there is none, or it is over 64
// bits.
std::optional<std::uint64_t> take_number(std::string_view& text);

// for (std::string_view line : ProcLines(text)): without the line ends.
class ProcLines {
 public:
  explicit ProcLines(std::string_view text) : text_(text) {}

  class Iterator {
   public:
    explicit Iterator(std::string_view rest) : rest_(rest) { cut(); }
    std::string_view operator*() const { return line_; }
    Iterator& operator++() {
      rest_.remove_prefix(line_.size() == rest_.size() ? rest_.size() : line_.size() + 1);
      cut();
      return *this;
    }
    bool operator!=(const Iterator& other) const { return rest_.size() != other.rest_.size(); }

   private:
    void cut() { line_ = rest_.substr(0, rest_.find('\n')); }

    std::string_view rest_;
    std::string_view line_;
  };

  Iterator begin() const { return Iterator(text_); }
  Iterator end() const { return Iterator(text_.substr(text_.size())); }

 private:
  std::string_view text_;
};

}  // namespace notch::agent
