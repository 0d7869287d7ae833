#include "agent/family/label_text.h"

#include <cstddef>

#include "shm/utf8.h"

namespace notch::agent {
namespace {

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text += '\\';
    text += c;
  }
}

}  // namespace

void append_label(std::string& text, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (!text.empty()) text += ',';
  text.append(name).append("=\"");
  append_escaped(text, shm::valid_utf8(value));
  text += '"';
}

bool LabelReader::fail() noexcept {
  failed_ = true;
  rest_ = {};
  return false;
}

bool LabelReader::next() {
  if (rest_.empty()) return false;
  const std::size_t name_bytes = rest_.find("=\"");
  if (name_bytes == std::string_view::npos || name_bytes == 0) return fail();
  name_ = rest_.substr(0, name_bytes);
  rest_.remove_prefix(name_bytes + 2);
  if (!read_value()) return fail();
  if (rest_.empty()) return true;
  if (rest_.front() != ',' || rest_.size() == 1) return fail();
  rest_.remove_prefix(1);
  return true;
}

// Takes the value and its closing quote from rest_.
bool LabelReader::read_value() {
  const std::size_t plain = rest_.find_first_of("\"\\");
  if (plain == std::string_view::npos) return false;
  if (rest_[plain] == '"') {
    value_ = rest_.substr(0, plain);
    rest_.remove_prefix(plain + 1);
    return true;
  }
  unescaped_.assign(rest_.substr(0, plain));
  for (std::size_t i = plain; i < rest_.size(); ++i) {
    if (rest_[i] == '"') {
      value_ = unescaped_;
      rest_.remove_prefix(i + 1);
      return true;
    }
    if (rest_[i] == '\\') {
      if (++i == rest_.size()) return false;
      unescaped_ += rest_[i] == 'n' ? '\n' : rest_[i];
      continue;
    }
    unescaped_ += rest_[i];
  }
  return false;
}

}  // namespace notch::agent
