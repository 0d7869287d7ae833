// Builds the TLS side of a server from a TlsConfig. Called by: web_security.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "agent/http/web_config.h"

namespace notch::agent {

struct TlsContextResult {
  std::shared_ptr<boost::asio::ssl::context> context;  // null: `message` says why
  std::string message;                                 // names the key and the file it points at
};

// Reads the files that `config` names, each at most 1 MiB. An encrypted private key is an error:
// there is nobody to ask for its passphrase. A connection must keep the context alive, not only
// OpenSSL's part of it: the check of allowed names lives there.
TlsContextResult make_tls_context(const TlsConfig& config);

}  // namespace notch::agent
