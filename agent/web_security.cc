#include "agent/web_security.h"

#include <utility>

#include "agent/tls_context.h"

namespace notch::agent {

WebSecurityFile::WebSecurityFile(std::string file, HttpStats& stats,
                                 std::function<void(const std::string&)> on_warning)
    : file_(std::move(file)), stats_(stats), on_warning_(std::move(on_warning)) {}

std::string WebSecurityFile::open() {
  if (file_.empty()) return "";
  return load();
}

std::shared_ptr<const WebSecurity> WebSecurityFile::current() {
  if (!file_.empty() && stamps() != stamps_) {
    const std::string message = load();
    if (message.empty()) {
      ++stats_.config_reloads;
    } else {
      ++stats_.config_reload_failures;
      warn("web configuration not reloaded, the last good one stays: " + message);
    }
  }
  return current_;
}

std::string WebSecurityFile::load() {
  watched_ = {file_};
  stamps_ = stamps();
  const SmallFile read = read_small_file(file_);
  if (!read.message.empty()) return read.message;
  auto loaded = std::make_shared<WebSecurity>();
  std::string message = parse_web_config(read.content, file_, loaded->config);
  if (!message.empty()) return message;
  const TlsConfig& tls = loaded->config.tls;
  for (const std::string& file : {tls.cert_file, tls.key_file, tls.client_ca_file}) {
    if (file.empty()) continue;
    watched_.push_back(file);
    stamps_.push_back(stamp_of(file));
  }
  if (loaded->config.has_tls) {
    TlsContextResult made = make_tls_context(tls);
    if (made.context == nullptr) return file_ + ": " + made.message;
    loaded->tls = std::move(made.context);
  }
  for (const auto& [name, value] : loaded->config.headers) {
    loaded->header_lines += name + ": " + value + "\r\n";
  }
  for (const std::string& warning : loaded->config.warnings) warn(file_ + ": " + warning);
  current_ = std::move(loaded);
  return "";
}

std::vector<FileStamp> WebSecurityFile::stamps() const {
  std::vector<FileStamp> now;
  now.reserve(watched_.size());
  for (const std::string& file : watched_) now.push_back(stamp_of(file));
  return now;
}

void WebSecurityFile::warn(const std::string& text) const {
  if (on_warning_) on_warning_(text);
}

}  // namespace notch::agent
