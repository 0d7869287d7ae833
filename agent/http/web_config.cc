#include "agent/http/web_config.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <utility>

#include "agent/http/strict_yaml.h"

namespace notch::agent {
namespace {

std::string beside(const std::string& config_file, const std::string& named_file) {
  if (named_file.empty()) return named_file;
  return (std::filesystem::path(config_file).parent_path() / named_file).string();
}

ClientAuth client_auth_of(const std::string& type) {
  if (type == "RequestClientCert") return ClientAuth::kRequest;
  if (type == "RequireAnyClientCert" || type == "RequireClientCert") return ClientAuth::kRequireAny;
  if (type == "VerifyClientCertIfGiven") return ClientAuth::kVerifyIfGiven;
  if (type == "RequireAndVerifyClientCert") return ClientAuth::kRequireAndVerify;
  return ClientAuth::kNone;
}

bool verifies(ClientAuth auth) {
  return auth == ClientAuth::kVerifyIfGiven || auth == ClientAuth::kRequireAndVerify;
}

bool requires_certificate(ClientAuth auth) {
  return auth == ClientAuth::kRequireAny || auth == ClientAuth::kRequireAndVerify;
}

void read_key_pair(StrictYaml& yaml, const std::string& file, TlsConfig& tls) {
  tls.cert = yaml.string("cert");
  tls.key = yaml.string("key");
  tls.cert_file = beside(file, yaml.string("cert_file"));
  tls.key_file = beside(file, yaml.string("key_file"));
  if (tls.cert.empty() && tls.cert_file.empty()) yaml.lack("cert_file", "missing, and so is cert");
  if (tls.key.empty() && tls.key_file.empty()) yaml.lack("key_file", "missing, and so is key");
  if (!tls.cert.empty() && !tls.cert_file.empty()) yaml.fail("cert", "given beside cert_file");
  if (!tls.key.empty() && !tls.key_file.empty()) yaml.fail("key", "given beside key_file");
}

void read_client_rules(StrictYaml& yaml, const std::string& file, TlsConfig& tls) {
  tls.client_ca = yaml.string("client_ca");
  tls.client_ca_file = beside(file, yaml.string("client_ca_file"));
  tls.client_auth = client_auth_of(
      yaml.choice("client_auth_type",
                  {"NoClientCert", "RequestClientCert", "RequireClientCert", "RequireAnyClientCert",
                   "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}));
  tls.client_allowed_sans = yaml.strings("client_allowed_sans");
  const bool has_ca = !tls.client_ca.empty() || !tls.client_ca_file.empty();
  if (!tls.client_ca.empty() && !tls.client_ca_file.empty()) {
    yaml.fail("client_ca", "given beside client_ca_file");
  }
  if (has_ca && tls.client_auth == ClientAuth::kNone) {
    yaml.lack(tls.client_ca.empty() ? "client_ca_file" : "client_ca", "needs a client_auth_type");
  }
  if (!has_ca && verifies(tls.client_auth)) yaml.lack("client_auth_type", "needs client_ca_file");
  if (!tls.client_allowed_sans.empty() && !requires_certificate(tls.client_auth)) {
    yaml.lack("client_allowed_sans", "needs a client_auth_type that requires a certificate");
  }
}

void read_protocol_rules(StrictYaml& yaml, TlsConfig& tls) {
  const std::vector<std::string> versions{"TLS10", "TLS11", "TLS12", "TLS13"};
  const std::string min_version = yaml.choice("min_version", versions);
  const std::string max_version = yaml.choice("max_version", versions);
  if (!min_version.empty()) tls.min_version = min_version;
  if (!max_version.empty()) tls.max_version = max_version;
  if (tls.min_version > tls.max_version) yaml.fail("min_version", "is above max_version");
  tls.cipher_suites = yaml.strings("cipher_suites");
  for (const std::string& suite : tls.cipher_suites) {
    if (std::string_view(OPENSSL_cipher_name(suite.c_str())) == "(NONE)") {
      yaml.fail("cipher_suites", "unknown cipher suite \"" + suite + "\"");
    }
  }
  tls.curve_preferences = yaml.strings("curve_preferences");
  for (const std::string& curve : tls.curve_preferences) {
    if (curve != "CurveP256" && curve != "CurveP384" && curve != "CurveP521" && curve != "X25519") {
      yaml.fail("curve_preferences", "unknown curve \"" + curve + "\"");
    }
  }
  tls.prefer_server_cipher_suites = yaml.boolean("prefer_server_cipher_suites", true);
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

void read_headers(StrictYaml& http, WebConfig& config) {
  std::optional<StrictYaml> headers = http.section("headers");
  if (!headers) return;
  for (const char* name : {"Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options",
                           "X-XSS-Protection", "Strict-Transport-Security"}) {
    const std::string value = headers->string(name);
    if (std::ranges::any_of(value, [](unsigned char c) { return c < ' ' || c == 0x7f; })) {
      headers->fail(name, "must not hold control characters");
    }
    if (!value.empty()) config.headers[name] = value;
  }
  headers->finish();
  const auto frame = config.headers.find("X-Frame-Options");
  if (frame != config.headers.end() && lower(frame->second) != "deny" &&
      lower(frame->second) != "sameorigin") {
    headers->fail("X-Frame-Options", "must be deny or sameorigin");
  }
  const auto type = config.headers.find("X-Content-Type-Options");
  if (type != config.headers.end() && lower(type->second) != "nosniff") {
    headers->fail("X-Content-Type-Options", "must be nosniff");
  }
}

void read_http(StrictYaml& top, WebConfig& config) {
  std::optional<StrictYaml> http = top.section("http_server_config");
  if (!http) return;
  if (http->boolean("http2", false)) {
    config.warnings.emplace_back("http_server_config.http2: HTTP/2 is not offered, HTTP/1.1 is");
  }
  read_headers(*http, config);
  http->finish();
}

bool bcrypt_salt_or_sum(unsigned char c) {
  return std::isalnum(c) != 0 || c == '.' || c == '/';
}

// $2b$10$ and 53 characters of salt and sum. Returns the rule it breaks, or "".
std::string broken_hash_rule(std::string_view hash) {
  const bool form = hash.size() == 60 && hash.starts_with("$2") &&
                    std::string_view("aby").find(hash[2]) != std::string_view::npos &&
                    hash[3] == '$' && std::isdigit(static_cast<unsigned char>(hash[4])) != 0 &&
                    std::isdigit(static_cast<unsigned char>(hash[5])) != 0 && hash[6] == '$' &&
                    std::ranges::all_of(hash.substr(7), bcrypt_salt_or_sum);
  if (!form) return "is not a bcrypt hash ($2y$COST$...)";
  const int cost = (hash[4] - '0') * 10 + (hash[5] - '0');
  if (cost < 4 || cost > kMaxBcryptCost) {
    return "bcrypt cost must be 4 to " + std::to_string(kMaxBcryptCost);
  }
  return "";
}

void read_users(StrictYaml& top, WebConfig& config) {
  config.basic_auth_users = top.string_map("basic_auth_users");
  std::optional<StrictYaml> users = top.section("basic_auth_users");
  for (const auto& [user, hash] : config.basic_auth_users) {
    const std::string rule = broken_hash_rule(hash);
    if (!rule.empty()) users->fail(user, rule);
    if (user.find(':') != std::string::npos) users->fail(user, "a user's name cannot hold a colon");
  }
}

}  // namespace

std::string parse_web_config(const std::string& text, const std::string& file, WebConfig& config) {
  config = WebConfig();
  try {
    StrictYaml top = StrictYaml::parse(text, file);
    if (std::optional<StrictYaml> tls = top.section("tls_server_config")) {
      config.has_tls = true;
      read_key_pair(*tls, file, config.tls);
      read_client_rules(*tls, file, config.tls);
      read_protocol_rules(*tls, config.tls);
      tls->finish();
    }
    read_http(top, config);
    read_users(top, config);
    top.finish();
  } catch (const YamlError& error) {
    return error.what();
  } catch (const YAML::Exception& error) {
    return file + ": " + error.what();
  }
  return "";
}

}  // namespace notch::agent
