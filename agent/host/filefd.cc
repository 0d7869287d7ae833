#include "agent/host/filefd.h"

#include "agent/host/fields.h"

namespace notch::agent {

std::optional<OpenFiles> parse_open_files(std::string_view text) {
  text = text.substr(0, text.find('\n'));
  const auto allocated = whole_number(take_word(text));
  const auto unused = whole_number(take_word(text));
  const auto maximum = whole_number(take_word(text));
  if (!allocated || !unused || !maximum) return std::nullopt;
  return OpenFiles{*allocated, *maximum};
}

CollectResult collect_filefd(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("sys/fs/file-nr");
  if (!text) return CollectResult::failed(files.error());
  const std::optional<OpenFiles> open = parse_open_files(*text);
  if (!open) return CollectResult::failed("sys/fs/file-nr: not three numbers");
  families.gauge("filefd_allocated", "File descriptor statistics: allocated.",
                 static_cast<double>(open->allocated));
  families.gauge("filefd_maximum", "File descriptor statistics: maximum.",
                 static_cast<double>(open->maximum));
  return CollectResult::done();
}

}  // namespace notch::agent
