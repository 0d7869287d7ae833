#include "agent/http/web_security.h"

#include <utility>

#include "agent/http/tls_context.h"

namespace notch::agent {
namespace {

// The protection of `older` that `newer` would take away, or an empty text (WS4).
std::string loss_of_protection(const WebConfig& older, const WebConfig& newer) {
  const char* loss = nullptr;
  if (older.has_tls && !newer.has_tls) {
    loss = "TLS";
  } else if (!older.basic_auth_users.empty() && newer.basic_auth_users.empty()) {
    loss = "every user";
  } else if (newer.tls.client_auth < older.tls.client_auth ||
             (!older.tls.client_allowed_sans.empty() && newer.tls.client_allowed_sans.empty())) {
    loss = "what is asked of clients' certificates";
  }
  return loss == nullptr ? ""
                         : "it would take " + std::string(loss) + " away, as only a restart may";
}

}  // namespace

WebSecurityFile::WebSecurityFile(std::string file, HttpStats& stats,
                                 std::function<void(const std::string&)> on_warning)
    : file_(std::move(file)), stats_(stats), on_warning_(std::move(on_warning)) {}

std::string WebSecurityFile::open() {
  if (file_.empty()) return "";
  return load(Reading::kFirst);
}

std::shared_ptr<const WebSecurity> WebSecurityFile::current() {
  if (!file_.empty() && stamps() != stamps_) reload();
  return current_;
}

bool WebSecurityFile::reload() {
  if (file_.empty()) return true;
  const std::string message = load(Reading::kAgain);
  if (message.empty()) {
    ++stats_.config_reloads;
    return true;
  }
  ++stats_.config_reload_failures;
  warn("web configuration not reloaded, the last good one stays: " + message);
  return false;
}

std::string WebSecurityFile::load(Reading reading) {
  watched_ = {file_};
  stamps_ = stamps();
  const SmallFile read = read_small_file(file_);
  if (!read.message.empty()) return read.message;
  auto loaded = std::make_shared<WebSecurity>();
  std::string message = parse_web_config(read.content, file_, loaded->config);
  if (!message.empty()) return message;
  if (reading == Reading::kAgain) {
    message = loss_of_protection(current_->config, loaded->config);
    if (!message.empty()) return file_ + ": " + message;
  }
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
  if (reading == Reading::kFirst && !loaded->config.has_tls &&
      loaded->config.basic_auth_users.empty()) {
    warn(file_ + ": names neither TLS nor users: the page is open to whoever reaches the address");
  }
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
