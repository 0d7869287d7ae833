// The web configuration in force: what the files say now, or what they said when they were last
// right. Called by: http_service.
//
// Invariants
//   WS1  A set of files that does not load changes nothing: the last good one stays in force.
//   WS2  The stamps are taken before the files are read, so a change in between is seen next time.
//   WS3  A failure is reported once per change of the files, not once per connection.
//   WS4  No re-read takes protection away (TLS, all users, what is asked of clients' certificates):
//        a file that says less may be one that is being written. Only a restart does.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/files/small_file.h"
#include "agent/http/http_stats.h"
#include "agent/http/web_config.h"

namespace notch::agent {

struct WebSecurity {
  WebConfig config;
  std::shared_ptr<boost::asio::ssl::context> tls;  // null: plain HTTP
  std::string header_lines;                        // the configured headers, ready for a head
};

class WebSecurityFile {
 public:
  // An empty `file` means plain HTTP without authentication, for ever.
  WebSecurityFile(std::string file, HttpStats& stats,
                  std::function<void(const std::string&)> on_warning);

  // Reads the files. Returns an empty string, or what is wrong with which file.
  std::string open();

  // Cost: a stat(2) per file named; on a change, reading and parsing them all (milliseconds).
  // REQUIRES: open() succeeded.
  std::shared_ptr<const WebSecurity> current();

  // Reads the files now, changed or not. True if there are none, or what they say is in force.
  bool reload();

 private:
  enum class Reading { kFirst, kAgain };

  std::string load(Reading reading);
  std::vector<FileStamp> stamps() const;
  void warn(const std::string& text) const;

  const std::string file_;
  HttpStats& stats_;
  const std::function<void(const std::string&)> on_warning_;

  std::vector<std::string> watched_;  // every file that the last attempt read or tried to
  std::vector<FileStamp> stamps_;     // of watched_, as of the last attempt
  std::shared_ptr<const WebSecurity> current_ = std::make_shared<const WebSecurity>();
};

}  // namespace notch::agent
