// The exporter-toolkit's web configuration: TLS, response headers and basic authentication.
// Called by: web_security. Plain values: reading the files they name is tls_context's part.
//
// Invariants
//   WC1  Every name with a fixed choice (versions, curves, suites, client_auth_type) is a known one.
//   WC2  Certificate and key are both given, each either inline or as a file; file names are
//        absolute, or relative to the configuration's folder and already joined with it.
//   WC3  A user's hash has the form of bcrypt and a cost of at most kMaxBcryptCost.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace notch::agent {

// Beyond it one wrong password would keep the checking thread busy for many seconds.
inline constexpr int kMaxBcryptCost = 16;

enum class ClientAuth {
  kNone,
  kRequest,           // ask, believe anything
  kRequireAny,        // insist, believe anything
  kVerifyIfGiven,     // ask, verify what comes
  kRequireAndVerify,  // insist and verify
};

struct TlsConfig {
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;
  std::string cert;  // inline PEM, instead of the file
  std::string key;
  std::string client_ca;
  ClientAuth client_auth = ClientAuth::kNone;
  std::vector<std::string> client_allowed_sans;
  std::string min_version = "TLS12";
  std::string max_version = "TLS13";
  std::vector<std::string> cipher_suites;      // IANA names, as in Go
  std::vector<std::string> curve_preferences;  // Go's names
  bool prefer_server_cipher_suites = true;
};

struct WebConfig {
  bool has_tls = false;
  TlsConfig tls;
  std::map<std::string, std::string> headers;           // added to every response
  std::map<std::string, std::string> basic_auth_users;  // name to bcrypt hash
  std::vector<std::string> warnings;                    // accepted, but without effect here
};

// Reads `text`, the content of `file`. Returns an empty string, or "FILE:LINE: KEY: rule", and then
// `config` is unspecified.
std::string parse_web_config(const std::string& text, const std::string& file, WebConfig& config);

}  // namespace notch::agent
