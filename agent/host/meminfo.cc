#include "agent/host/meminfo.h"

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

// `Active(anon)` as `Active_anon`. Empty if a name may not have its characters.
std::string metric_word(std::string_view key) {
  std::string word;
  for (const char c : key) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || (c >= '0' && c <= '9') || c == '_') {
      word += c;
    } else if (c == '(') {
      word += '_';
    } else if (c != ')') {
      return "";
    }
  }
  return word;
}

}  // namespace

std::vector<MemoryField> parse_meminfo(std::string_view text) {
  std::vector<MemoryField> fields;
  for (std::string_view line : ProcLines(text)) {
    const std::string_view key = take_word(line);
    if (!key.ends_with(':')) continue;
    std::string name = metric_word(key.substr(0, key.size() - 1));
    const std::optional<std::uint64_t> value = whole_number(take_word(line));
    const std::string_view unit = take_word(line);
    if (name.empty() || !value || (unit != "" && unit != "kB")) continue;
    if (unit == "kB") name += "_bytes";
    fields.push_back({std::move(name), static_cast<double>(*value) * (unit == "kB" ? 1024 : 1)});
  }
  return fields;
}

CollectResult collect_meminfo(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("meminfo");
  if (!text) return CollectResult::failed(files.error());
  const std::vector<MemoryField> fields = parse_meminfo(*text);
  if (fields.empty()) return CollectResult::failed("meminfo: no line of the form `name: number`");
  for (const MemoryField& field : fields) {
    families.gauge("memory_" + field.name, "Memory information field " + field.name + ".",
                   field.value);
  }
  return CollectResult::done();
}

}  // namespace notch::agent
