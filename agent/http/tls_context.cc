#include "agent/http/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/files/small_file.h"

namespace notch::agent {
namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using boost::system::error_code;

// Thrown and caught within this file.
struct TlsError {
  std::string message;
};

void check(const error_code& failure, const std::string& key, const std::string& file) {
  if (!failure) return;
  throw TlsError{"tls_server_config." + key + (file.empty() ? "" : " (" + file + ")") + ": " +
                 failure.message()};
}

std::string pem(const std::string& inline_pem, const std::string& file, const std::string& key) {
  if (file.empty()) return inline_pem;
  SmallFile read = read_small_file(file);
  if (!read.message.empty()) throw TlsError{"tls_server_config." + key + ": " + read.message};
  return std::move(read.content);
}

int version_number(const std::string& name) {
  if (name == "TLS10") return TLS1_VERSION;
  if (name == "TLS11") return TLS1_1_VERSION;
  return name == "TLS12" ? TLS1_2_VERSION : TLS1_3_VERSION;
}

void load_key_pair(const TlsConfig& config, ssl::context& context) {
  error_code failure;
  context.set_password_callback(
      [](std::size_t, ssl::context::password_purpose) { return std::string(); }, failure);
  const std::string chain = pem(config.cert, config.cert_file, "cert_file");
  context.use_certificate_chain(asio::buffer(chain), failure);
  check(failure, config.cert_file.empty() ? "cert" : "cert_file", config.cert_file);
  const std::string key = pem(config.key, config.key_file, "key_file");
  context.use_private_key(asio::buffer(key), ssl::context::pem, failure);
  check(failure, config.key_file.empty() ? "key" : "key_file", config.key_file);
}

void set_protocol(const TlsConfig& config, SSL_CTX* context) {
  int min_version = version_number(config.min_version);
  std::string up_to_12;
  std::string from_13;
  for (const std::string& suite : config.cipher_suites) {
    std::string& list = suite.find("_WITH_") == std::string::npos ? from_13 : up_to_12;
    const std::string name = &list == &from_13 ? suite : OPENSSL_cipher_name(suite.c_str());
    list += (list.empty() ? "" : ":") + name;
  }
  if (!up_to_12.empty() && SSL_CTX_set_cipher_list(context, up_to_12.c_str()) != 1) {
    throw TlsError{"tls_server_config.cipher_suites: none is supported"};
  }
  if (!from_13.empty() && SSL_CTX_set_ciphersuites(context, from_13.c_str()) != 1) {
    throw TlsError{"tls_server_config.cipher_suites: a TLS 1.3 suite is not supported"};
  }
  // With suites of TLS 1.3 only, an older version would be offered with suites nobody listed.
  if (up_to_12.empty() && !from_13.empty()) min_version = TLS1_3_VERSION;
  const int max_version = version_number(config.max_version);
  if (min_version > max_version) {
    throw TlsError{"tls_server_config.cipher_suites: all need TLS13, above max_version"};
  }
  SSL_CTX_set_min_proto_version(context, min_version);
  SSL_CTX_set_max_proto_version(context, max_version);
  std::string curves;
  for (const std::string& curve : config.curve_preferences) {
    curves += curves.empty() ? "" : ":";
    curves += curve.starts_with("CurveP") ? "P-" + curve.substr(6) : curve;
  }
  if (!curves.empty() && SSL_CTX_set1_curves_list(context, curves.c_str()) != 1) {
    throw TlsError{"tls_server_config.curve_preferences: not supported"};
  }
  if (config.prefer_server_cipher_suites) {
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  }
}

std::string_view text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string name_of(const GENERAL_NAME* name) {
  switch (name->type) {
    case GEN_DNS:
      return std::string(text_of(name->d.dNSName));
    case GEN_EMAIL:
      return std::string(text_of(name->d.rfc822Name));
    case GEN_URI:
      return std::string(text_of(name->d.uniformResourceIdentifier));
    case GEN_IPADD: {
      const std::string_view bytes = text_of(name->d.iPAddress);
      if (bytes.size() == 4) {
        asio::ip::address_v4::bytes_type v4;
        std::ranges::copy(bytes, v4.begin());
        return asio::ip::make_address_v4(v4).to_string();
      }
      if (bytes.size() == 16) {
        asio::ip::address_v6::bytes_type v6;
        std::ranges::copy(bytes, v6.begin());
        return asio::ip::make_address_v6(v6).to_string();
      }
      return "";
    }
    default:
      return "";
  }
}

bool has_allowed_name(X509* certificate, const std::vector<std::string>& allowed) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  bool found = false;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; ++i) {
    const std::string name = name_of(sk_GENERAL_NAME_value(names, i));
    found = !name.empty() && std::ranges::find(allowed, name) != allowed.end();
  }
  GENERAL_NAMES_free(names);
  return found;
}

ssl::verify_mode verify_mode_of(ClientAuth auth) {
  switch (auth) {
    case ClientAuth::kNone:
      return ssl::verify_none;
    case ClientAuth::kRequest:
    case ClientAuth::kVerifyIfGiven:
      return ssl::verify_peer;
    case ClientAuth::kRequireAny:
    case ClientAuth::kRequireAndVerify:
      return ssl::verify_peer | ssl::verify_fail_if_no_peer_cert;
  }
  return ssl::verify_none;
}

void set_client_rules(const TlsConfig& config, ssl::context& context) {
  error_code failure;
  const bool believes_anything =
      config.client_auth == ClientAuth::kRequest || config.client_auth == ClientAuth::kRequireAny;
  const std::string ca = pem(config.client_ca, config.client_ca_file, "client_ca_file");
  if (!ca.empty()) {
    context.add_certificate_authority(asio::buffer(ca), failure);
    check(failure, config.client_ca.empty() ? "client_ca_file" : "client_ca",
          config.client_ca_file);
  } else if (!config.client_ca_file.empty()) {
    throw TlsError{"tls_server_config.client_ca_file (" + config.client_ca_file + "): is empty"};
  }
  context.set_verify_mode(verify_mode_of(config.client_auth), failure);
  check(failure, "client_auth_type", "");
  context.set_verify_callback(
      [believes_anything, allowed = config.client_allowed_sans](bool preverified,
                                                                ssl::verify_context& chain) {
        X509_STORE_CTX* store = chain.native_handle();
        if (!preverified && !believes_anything) return false;
        if (allowed.empty() || X509_STORE_CTX_get_error_depth(store) != 0) return true;
        return has_allowed_name(X509_STORE_CTX_get_current_cert(store), allowed);
      },
      failure);
  check(failure, "client_auth_type", "");
}

}  // namespace

TlsContextResult make_tls_context(const TlsConfig& config) {
  ERR_clear_error();
  try {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    SSL_CTX* native = context->native_handle();
    load_key_pair(config, *context);
    if (SSL_CTX_check_private_key(native) != 1) {
      throw TlsError{"tls_server_config.key_file (" + config.key_file +
                     "): does not belong to the certificate"};
    }
    set_protocol(config, native);
    set_client_rules(config, *context);
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Tickets are bound to the context: a client cannot resume past a change of its rules.
    static constexpr unsigned char kSessionContext[] = "notch";
    SSL_CTX_set_session_id_context(native, kSessionContext, sizeof kSessionContext - 1);
    return {std::move(context), ""};
  } catch (const TlsError& error) {
    ERR_clear_error();
    return {nullptr, error.message};
  } catch (const boost::system::system_error& error) {
    ERR_clear_error();
    return {nullptr, std::string("tls_server_config: ") + error.what()};
  }
}

}  // namespace notch::agent
