// The HTTP front behind a web configuration file: TLS, client certificates, rotation, passwords.
#include <crypt.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/files/small_file.h"
#include "agent/http/http_server.h"
#include "agent/http/password_check.h"
#include "tests/agent/http/http_client.h"
#include "tests/agent/http/live_server.h"
#include "tests/agent/http/tls_files.h"

namespace notch::agent::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace asio = boost::asio;
namespace ssl = asio::ssl;

constexpr const char* kTls =
    "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n";

std::string bcrypt(const std::string& password) {
  crypt_data scratch{};
  return ::crypt_r(password.c_str(), "$2b$04$abcdefghijklmnopqrstuu", &scratch);
}

// What one request over a new TLS connection brought.
struct TlsAnswer {
  ClientResponse response;  // status 0: refused, and `failure` says how
  std::string failure;
  std::string server_name;  // the certificate's common name
  std::string suite;
  bool closed_in_order = false;  // by close_notify, not by a bare end of the stream
};

struct TlsClient {
  std::string certificate;  // path without .crt and .key; empty: none
  int max_version = TLS1_3_VERSION;

  TlsAnswer ask(const std::string& address, const std::string& request) const {
    TlsAnswer answer;
    asio::io_context loop;
    ssl::context context(ssl::context::tls_client);
    SSL_CTX_set_max_proto_version(context.native_handle(), max_version);
    if (!certificate.empty()) {
      context.use_certificate_chain_file(certificate + ".crt");
      context.use_private_key_file(certificate + ".key", ssl::context::pem);
    }
    ssl::stream<asio::ip::tcp::socket> stream(loop, context);
    const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    boost::system::error_code failure;
    stream.next_layer().connect({asio::ip::address_v4::loopback(), port}, failure);
    if (!failure) stream.handshake(ssl::stream_base::client, failure);
    if (!failure) asio::write(stream, asio::buffer(request), failure);
    std::string bytes;
    std::array<char, 4096> part{};
    while (!failure) {
      bytes.append(part.data(), stream.read_some(asio::buffer(part), failure));
    }
    answer.failure = failure.message();
    answer.closed_in_order = failure == asio::error::eof;
    answer.response = take_response(bytes);
    answer.suite = SSL_get_cipher_name(stream.native_handle());
    if (X509* certificate_seen = SSL_get1_peer_certificate(stream.native_handle())) {
      std::array<char, 64> name{};
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate_seen), NID_commonName,
                                name.data(), static_cast<int>(name.size()));
      answer.server_name = name.data();
      X509_free(certificate_seen);
    }
    return answer;
  }
};

std::string last_get(const std::string& lines = "") {
  return get("/hello", lines + "Connection: close\r\n");
}

std::string basic(const std::string& user_and_password) {
  std::array<unsigned char, 256> text{};
  EVP_EncodeBlock(text.data(), reinterpret_cast<const unsigned char*>(user_and_password.data()),
                  static_cast<int>(user_and_password.size()));
  return std::string("Authorization: Basic ") + reinterpret_cast<const char*>(text.data()) + "\r\n";
}

class HttpsTest : public ::testing::Test {
 protected:
  LiveServer& serve(const std::string& web_config, HttpOptions options = {}) {
    options.listen = {"127.0.0.1:0"};
    options.linger_deadline = 200ms;
    options.web_config_file = files_.write("web.yml", web_config);
    Route hello{"/hello", [](const Request&) { return text_response(200, "hello"); }};
    server_ = std::make_unique<LiveServer>(options, std::vector<Route>{hello});
    return *server_;
  }

  TlsAnswer ask(const TlsClient& client = {}) const {
    return client.ask(server_->address(), last_get());
  }

  TlsClient with(const std::string& certificate) const { return {files_.path(certificate)}; }

  TlsFiles files_;
  std::unique_ptr<LiveServer> server_;
};

TEST_F(HttpsTest, ServesOverTls) {
  files_.make_certificate("server");
  ASSERT_EQ(serve(kTls).message(), "");
  const TlsAnswer answer = ask();
  EXPECT_EQ(answer.response.body, "hello");
  EXPECT_EQ(answer.server_name, "server");
  EXPECT_TRUE(answer.closed_in_order) << answer.failure;
}

TEST_F(HttpsTest, ServesWithAnInlineCertificate) {
  files_.make_certificate("server");
  const auto indented = [this](const std::string& file) {
    std::string block = "|\n    ";
    for (const char c : read_small_file(files_.path(file)).content) {
      block += c == '\n' ? std::string("\n    ") : std::string(1, c);
    }
    return block + "\n";
  };
  serve("tls_server_config:\n  cert: " + indented("server.crt") +
        "  key: " + indented("server.key"));
  ASSERT_EQ(server_->message(), "");
  EXPECT_EQ(ask().response.body, "hello");
}

TEST_F(HttpsTest, TellsAPlainClientWhatIsWrong) {
  files_.make_certificate("server");
  HttpClient client(serve(kTls).address());
  const ClientResponse response = client.ask(get("/hello"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.body, "Client sent an HTTP request to an HTTPS server.\n");
  EXPECT_EQ(client.read_to_close(), "");
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.tls_failures == 1; }));
}

TEST_F(HttpsTest, DropsWhatIsNeitherTlsNorHttp) {
  files_.make_certificate("server");
  HttpClient client(serve(kTls).address());
  client.send(std::string(100, '\1'));
  EXPECT_EQ(client.read_to_close(), "");
  EXPECT_EQ(ask().response.status, 200);
}

TEST_F(HttpsTest, CutsAHandshakeThatStops) {
  files_.make_certificate("server");
  HttpOptions options;
  options.header_deadline = 50ms;
  HttpClient client(serve(kTls, options).address());
  client.send("\x16\x03\x01\x02");
  EXPECT_EQ(client.read_to_close(), "");
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.header_timeouts == 1; }));
}

TEST_F(HttpsTest, TakesANewCertificateWithoutARestart) {
  files_.make_certificate("server");
  serve(kTls);
  EXPECT_EQ(ask().server_name, "server");
  files_.make_certificate("renewed");
  files_.replace_certificate("renewed", "server");
  EXPECT_EQ(ask().server_name, "renewed");
  EXPECT_EQ(server_->stats().config_reloads, 1u);
}

TEST_F(HttpsTest, KeepsTheOldConfigurationWhenTheNewOneIsBroken) {
  files_.make_certificate("server");
  serve(kTls);
  files_.write("web.yml", "tls_server_confg: {}\n");
  EXPECT_EQ(ask().response.status, 200);
  EXPECT_EQ(ask().response.status, 200);
  ASSERT_EQ(server_->warnings().size(), 1u) << "told once, not once per connection";
  EXPECT_THAT(server_->warnings()[0], HasSubstr("web.yml:1: tls_server_confg: unknown key"));
  EXPECT_EQ(server_->stats().config_reload_failures, 1u);
  files_.write("web.yml", kTls);
  EXPECT_EQ(ask().response.status, 200);
  EXPECT_EQ(server_->stats().config_reloads, 1u);
}

TEST_F(HttpsTest, AFileWithoutTlsOrUsersIsNotTakenAtAReRead) {
  files_.make_certificate("server");
  serve(std::string(kTls) + "basic_auth_users:\n  alice: " + bcrypt("secret") + "\n");
  EXPECT_EQ(ask().response.status, 401);
  for (const std::string& written : {std::string(), std::string(kTls), std::string("# soon\n")}) {
    files_.write("web.yml", written);
    EXPECT_EQ(ask().response.status, 401) << written;
  }
  EXPECT_EQ(server_->stats().config_reloads, 0u);
  EXPECT_EQ(server_->stats().config_reload_failures, 3u);
  ASSERT_EQ(server_->warnings().size(), 3u);
  EXPECT_THAT(server_->warnings()[0], HasSubstr("would take TLS away"));
  EXPECT_THAT(server_->warnings()[1], HasSubstr("would take every user away"));
  files_.write("web.yml",
               std::string(kTls) + "basic_auth_users:\n  bob: " + bcrypt("other") + "\n");
  EXPECT_EQ(TlsClient().ask(server_->address(), last_get(basic("bob:other"))).response.status, 200);
}

TEST_F(HttpsTest, AnEmptyFileAtTheStartIsNoSecurityAndSaysSo) {
  serve("");
  EXPECT_EQ(HttpClient(server_->address()).ask(get("/hello")).status, 200);
  ASSERT_EQ(server_->warnings().size(), 1u);
  EXPECT_THAT(server_->warnings()[0], HasSubstr("neither TLS nor users"));
}

TEST_F(HttpsTest, AReloadReadsTheFilesChangedOrNot) {
  files_.make_certificate("server");
  serve(kTls);
  bool taken = false;
  server_->on_loop([&] { taken = server_->server().reload(); });
  EXPECT_TRUE(taken);
  EXPECT_EQ(server_->stats().config_reloads, 1u);
  files_.write("web.yml", "");
  server_->on_loop([&] { taken = server_->server().reload(); });
  EXPECT_FALSE(taken);
  EXPECT_EQ(ask().response.status, 200);
}

TEST_F(HttpsTest, KeepsTheOldCertificateWhileTheNewPairIsHalfThere) {
  files_.make_certificate("server");
  serve(kTls);
  files_.make_certificate("renewed");
  files_.write("server.crt", read_small_file(files_.path("renewed.crt")).content);
  EXPECT_EQ(ask().server_name, "server");
  files_.write("server.key", read_small_file(files_.path("renewed.key")).content);
  EXPECT_EQ(ask().server_name, "renewed");
}

TEST_F(HttpsTest, KeepsItsVersionsAndSuites) {
  files_.make_certificate("server");
  serve(std::string(kTls) + "  max_version: TLS12\n  curve_preferences: [CurveP384, X25519]\n" +
        "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n");
  ASSERT_EQ(server_->message(), "");
  EXPECT_EQ(ask().suite, "ECDHE-ECDSA-AES256-GCM-SHA384");

  serve(std::string(kTls) + "  min_version: TLS13\n");
  EXPECT_EQ(ask().response.status, 200);
  EXPECT_EQ(ask({"", TLS1_2_VERSION}).response.status, 0);
}

TEST_F(HttpsTest, OffersOnlyTls13WhenAllSuitesAreOfIt) {
  files_.make_certificate("server");
  serve(std::string(kTls) + "  cipher_suites: [TLS_AES_256_GCM_SHA384]\n");
  EXPECT_EQ(ask().suite, "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(ask({"", TLS1_2_VERSION}).response.status, 0);
}

class ClientCertificateTest : public HttpsTest {
 protected:
  ClientCertificateTest() {
    files_.make_certificate("server");
    files_.make_certificate("ca");
    files_.make_certificate("stranger");
    files_.make_certificate("member", "ca", "DNS:member.test,IP:10.1.2.3");
  }

  LiveServer& serve_with(const std::string& type, const std::string& more = "") {
    LiveServer& server = serve(std::string(kTls) + "  client_auth_type: " + type + "\n" + more);
    EXPECT_EQ(server.message(), "");
    return server;
  }

  static constexpr const char* kCa = "  client_ca_file: ca.crt\n";
};

TEST_F(ClientCertificateTest, RequireAndVerifyTakesMembersOnly) {
  serve_with("RequireAndVerifyClientCert", kCa);
  EXPECT_EQ(ask(with("member")).response.status, 200);
  EXPECT_EQ(ask(with("stranger")).response.status, 0);
  EXPECT_EQ(ask().response.status, 0);
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.tls_failures == 2; }));
}

TEST_F(ClientCertificateTest, VerifyIfGivenTakesNobodyAndMembers) {
  serve_with("VerifyClientCertIfGiven", kCa);
  EXPECT_EQ(ask(with("member")).response.status, 200);
  EXPECT_EQ(ask().response.status, 200);
  EXPECT_EQ(ask(with("stranger")).response.status, 0);
}

TEST_F(ClientCertificateTest, RequireAnyTakesAnyCertificate) {
  serve_with("RequireAnyClientCert");
  EXPECT_EQ(ask(with("stranger")).response.status, 200);
  EXPECT_EQ(ask().response.status, 0);
}

TEST_F(ClientCertificateTest, RequestTakesEveryone) {
  serve_with("RequestClientCert");
  EXPECT_EQ(ask(with("stranger")).response.status, 200);
  EXPECT_EQ(ask().response.status, 200);
}

TEST_F(ClientCertificateTest, AllowedNamesNarrowItDown) {
  const std::string more = std::string(kCa) + "  client_allowed_sans: ";
  serve_with("RequireAndVerifyClientCert", more + "[other.test, member.test]\n");
  EXPECT_EQ(ask(with("member")).response.status, 200);
  serve_with("RequireAndVerifyClientCert", more + "[10.1.2.3]\n");
  EXPECT_EQ(ask(with("member")).response.status, 200);
  serve_with("RequireAndVerifyClientCert", more + "[member, other.test]\n");
  EXPECT_EQ(ask(with("member")).response.status, 0);
}

class BadTlsFileTest : public HttpsTest {};

TEST_F(BadTlsFileTest, NamesTheMissingFile) {
  EXPECT_THAT(serve(kTls).message(),
              HasSubstr("web.yml: tls_server_config.cert_file: cannot read " +
                        files_.path("server.crt") + ": No such file"));
}

TEST_F(BadTlsFileTest, NamesTheFileThatHoldsNoCertificate) {
  files_.make_certificate("server");
  files_.write("server.crt", "nothing\n");
  EXPECT_THAT(serve(kTls).message(), HasSubstr("cert_file (" + files_.path("server.crt") + ")"));
}

TEST_F(BadTlsFileTest, NamesTheKeyOfAnotherCertificate) {
  files_.make_certificate("server");
  files_.make_certificate("other");
  EXPECT_THAT(serve("tls_server_config: {cert_file: server.crt, key_file: other.key}").message(),
              HasSubstr("key_file (" + files_.path("other.key") + ")"));
}

TEST_F(BadTlsFileTest, DoesNotAskForAPassphrase) {
  files_.make_certificate("server");
  ASSERT_EQ(
      std::system(("openssl ec -aes128 -passout pass:secret -in " + files_.path("server.key") +
                   " -out " + files_.path("locked.key") + " 2>/dev/null")
                      .c_str()),
      0);
  EXPECT_THAT(serve("tls_server_config: {cert_file: server.crt, key_file: locked.key}").message(),
              HasSubstr("key_file (" + files_.path("locked.key") + ")"));
}

TEST_F(BadTlsFileTest, NamesAnEmptyCertificateAuthority) {
  files_.make_certificate("server");
  files_.write("ca.crt", "");
  EXPECT_THAT(serve(std::string(kTls) + "  client_auth_type: RequireAndVerifyClientCert\n" +
                    "  client_ca_file: ca.crt\n")
                  .message(),
              HasSubstr("client_ca_file (" + files_.path("ca.crt") + "): is empty"));
}

TEST_F(BadTlsFileTest, NamesAMissingConfiguration) {
  HttpOptions options;
  options.web_config_file = files_.path("none.yml");
  const LiveServer server(options, {});
  EXPECT_EQ(server.message(),
            "cannot read " + files_.path("none.yml") + ": No such file or directory");
}

class BasicAuthTest : public HttpsTest {
 protected:
  static std::string users(const std::string& password) {
    return "basic_auth_users:\n  alice: " + bcrypt(password) + "\n";
  }

  int status_for(const std::string& lines) {
    return HttpClient(server_->address()).ask(get("/hello", lines)).status;
  }
};

TEST_F(BasicAuthTest, LetsTheRightPasswordIn) {
  ASSERT_EQ(serve(users("secret")).message(), "");
  EXPECT_EQ(status_for(basic("alice:secret")), 200);
  EXPECT_EQ(status_for(basic("alice:secret")), 200);
  EXPECT_EQ(server_->stats().unauthorized, 0u);
}

TEST_F(BasicAuthTest, KeepsEverythingElseOut) {
  serve(users("secret"));
  EXPECT_EQ(status_for(basic("alice:wrong")), 401);
  EXPECT_EQ(status_for(basic("bob:secret")), 401);
  EXPECT_EQ(status_for(basic(std::string("alice:secret\0more", 17))), 401);
  EXPECT_EQ(status_for("Authorization: Bearer abc\r\n"), 401);
  EXPECT_EQ(status_for("Authorization: Basic ???\r\n"), 401);
  EXPECT_EQ(status_for(""), 401);
  EXPECT_EQ(server_->stats().unauthorized, 6u);
}

TEST_F(BasicAuthTest, AStrangerNeverGetsInByAnothersPassword) {
  serve(users("secret"));
  EXPECT_EQ(status_for(basic("alice:secret")), 200);
  EXPECT_EQ(status_for(basic("bob:secret")), 401);
  EXPECT_EQ(status_for(basic("bob:secret")), 401);
}

TEST_F(BasicAuthTest, AsksForAPasswordBeforeItSaysWhatIsThere) {
  HttpClient client(serve(users("secret")).address());
  const ClientResponse response = client.ask(get("/nowhere"));
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.headers.at("www-authenticate"), "Basic");
}

TEST_F(BasicAuthTest, AChangedPasswordCountsOnAnOpenConnectionToo) {
  HttpClient client(serve(users("secret")).address());
  EXPECT_EQ(client.ask(get("/hello", basic("alice:secret"))).status, 200);
  files_.write("web.yml", users("changed"));
  EXPECT_EQ(client.ask(get("/hello", basic("alice:secret"))).status, 401);
  EXPECT_EQ(client.ask(get("/hello", basic("alice:changed"))).status, 200);
}

TEST_F(BasicAuthTest, WorksOverTls) {
  files_.make_certificate("server");
  serve(std::string(kTls) + users("secret"));
  const TlsClient client;
  EXPECT_EQ(client.ask(server_->address(), last_get(basic("alice:secret"))).response.status, 200);
  EXPECT_EQ(ask().response.status, 401);
}

TEST_F(BasicAuthTest, SurvivesDestructionWhileChecking) {
  // Cost 12: the check is still under way when the server goes.
  crypt_data scratch{};
  serve(std::string("basic_auth_users:\n  alice: ") +
        ::crypt_r("secret", "$2b$12$abcdefghijklmnopqrstuu", &scratch) + "\n");
  HttpClient one(server_->address());
  HttpClient two(server_->address());
  one.send(get("/hello", basic("alice:wrong")));
  two.send(get("/hello", basic("alice:secret")));
  ASSERT_TRUE(server_->reaches([](const HttpStats& s) { return s.passwords_waiting == 2; }));
  server_.reset();
  EXPECT_EQ(two.read_to_close(), "");
}

TEST_F(BasicAuthTest, WrongPasswordsTakeNobodysPlace) {
  crypt_data scratch{};
  HttpOptions options;
  options.max_requests = 1;
  // Cost 10: so many checks are still under way when the right one asks.
  serve(std::string("basic_auth_users:\n  alice: ") +
            ::crypt_r("secret", "$2b$10$abcdefghijklmnopqrstuu", &scratch) + "\n",
        options);
  EXPECT_EQ(status_for(basic("alice:secret")), 200);
  std::vector<std::unique_ptr<HttpClient>> strangers;
  for (std::size_t i = 0; i < PasswordCheck::kMaxWaiting; ++i) {
    strangers.push_back(std::make_unique<HttpClient>(server_->address()));
    strangers.back()->send(get("/hello", basic("alice:wrong")));
  }
  ASSERT_TRUE(server_->reaches([](const HttpStats& s) { return s.passwords_waiting > 40; }));
  EXPECT_EQ(status_for(basic("alice:secret")), 200);
  EXPECT_GT(server_->stats().passwords_waiting, 0u) << "the checks were over too early to tell";
}

TEST_F(BasicAuthTest, NoMoreChecksWaitThanTheLimit) {
  crypt_data scratch{};
  serve(std::string("basic_auth_users:\n  alice: ") +
        ::crypt_r("secret", "$2b$12$abcdefghijklmnopqrstuu", &scratch) + "\n");
  std::vector<std::unique_ptr<HttpClient>> strangers;
  for (std::size_t i = 0; i < PasswordCheck::kMaxWaiting; ++i) {
    strangers.push_back(std::make_unique<HttpClient>(server_->address()));
    strangers.back()->send(get("/hello", basic("alice:wrong")));
  }
  ASSERT_TRUE(server_->reaches(
      [](const HttpStats& s) { return s.passwords_waiting >= PasswordCheck::kMaxWaiting - 1; }));
  int refused = 0;
  for (int i = 0; i < 8 && refused == 0; ++i) {
    strangers.push_back(std::make_unique<HttpClient>(server_->address()));
    strangers.back()->send(get("/hello", basic("alice:wrong")));
    if (server_->reaches([](const HttpStats& s) { return s.rejected_by_passwords > 0; })) ++refused;
  }
  EXPECT_GT(refused, 0);
  server_.reset();
}

TEST_F(HttpsTest, AddsTheConfiguredHeadersToEveryResponse) {
  serve("http_server_config:\n  headers:\n    X-Frame-Options: deny\n");
  HttpClient client(server_->address());
  EXPECT_EQ(client.ask(get("/hello")).headers.at("x-frame-options"), "deny");
  EXPECT_EQ(client.ask(get("/nowhere")).headers.at("x-frame-options"), "deny");
}

TEST_F(HttpsTest, SaysThatHttp2IsNotOffered) {
  serve("http_server_config: {http2: true}\n");
  ASSERT_EQ(server_->message(), "");
  EXPECT_THAT(server_->warnings().at(0), HasSubstr("HTTP/2 is not offered"));
}

}  // namespace
}  // namespace notch::agent::testing
