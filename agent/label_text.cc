#include "agent/label_text.h"

#include "shm/utf8.h"

namespace notch::agent {

void append_label(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (!out.empty()) out.push_back(',');
  out.append(name).append("=\"");
  for (const char c : shm::valid_utf8(value)) {
    switch (c) {
      case '\\':
        out.append("\\\\");
        break;
      case '"':
        out.append("\\\"");
        break;
      case '\n':
        out.append("\\n");
        break;
      default:
        out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace notch::agent
