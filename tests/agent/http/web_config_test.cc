// The web configuration file: every key, and every way to get one wrong.
#include "agent/http/web_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace notch::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr const char* kHash = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG";

std::string parse(const std::string& text, WebConfig& config) {
  return parse_web_config(text, "/etc/notch/web.yml", config);
}

TEST(WebConfig, AnEmptyFileIsPlainHttp) {
  WebConfig config;
  EXPECT_EQ(parse("", config), "");
  EXPECT_FALSE(config.has_tls);
  EXPECT_EQ(parse("tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n", config), "");
  EXPECT_FALSE(config.has_tls);
}

TEST(WebConfig, AMisspeltKeyIsNamedBeforeTheOneItLeavesMissing) {
  WebConfig config;
  EXPECT_EQ(parse("tls_server_config:\n  cert_file: a\n  keyfile: b\n", config),
            "/etc/notch/web.yml:3: tls_server_config.keyfile: unknown key");
  EXPECT_EQ(parse("tls_server_config:\n  certfile: a\n  client_auth_type: "
                  "RequireAndVerifyClientCert\n",
                  config),
            "/etc/notch/web.yml:2: tls_server_config.certfile: unknown key");
}

TEST(WebConfig, ReadsEveryKey) {
  WebConfig config;
  ASSERT_EQ(parse(std::string("tls_server_config:\n"
                              "  cert_file: server.crt\n"
                              "  key_file: /keys/server.key\n"
                              "  client_ca_file: ca.crt\n"
                              "  client_auth_type: RequireAndVerifyClientCert\n"
                              "  client_allowed_sans: [a.test, b.test]\n"
                              "  min_version: TLS12\n"
                              "  max_version: TLS13\n"
                              "  cipher_suites:\n"
                              "    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n"
                              "  prefer_server_cipher_suites: false\n"
                              "  curve_preferences: [CurveP256, X25519]\n"
                              "http_server_config:\n"
                              "  http2: false\n"
                              "  headers:\n"
                              "    X-Content-Type-Options: nosniff\n"
                              "    X-Frame-Options: SAMEORIGIN\n"
                              "    Content-Security-Policy: \"\"\n"
                              "basic_auth_users:\n"
                              "  alice: ") +
                      kHash + "\n",
                  config),
            "");
  EXPECT_EQ(config.tls.cert_file, "/etc/notch/server.crt");
  EXPECT_EQ(config.tls.key_file, "/keys/server.key");
  EXPECT_EQ(config.tls.client_ca_file, "/etc/notch/ca.crt");
  EXPECT_EQ(config.tls.client_auth, ClientAuth::kRequireAndVerify);
  EXPECT_THAT(config.tls.client_allowed_sans, ElementsAre("a.test", "b.test"));
  EXPECT_THAT(config.tls.cipher_suites, ElementsAre("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
  EXPECT_FALSE(config.tls.prefer_server_cipher_suites);
  EXPECT_THAT(config.tls.curve_preferences, ElementsAre("CurveP256", "X25519"));
  EXPECT_THAT(config.headers, ElementsAre(Pair("X-Content-Type-Options", "nosniff"),
                                          Pair("X-Frame-Options", "SAMEORIGIN")));
  EXPECT_THAT(config.basic_auth_users, ElementsAre(Pair("alice", kHash)));
  EXPECT_TRUE(config.warnings.empty());
}

struct BadFile {
  const char* name;
  const char* text;
  const char* message;  // after "/etc/notch/web.yml"
};

class BadWebConfigTest : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadWebConfigTest, IsRefusedByFileLineAndKey) {
  WebConfig config;
  EXPECT_THAT(parse(GetParam().text, config),
              StartsWith(std::string("/etc/notch/web.yml") + GetParam().message));
}

// The start of a tls_server_config that is right so far; what follows is line 2 of the file.
#define TLS "tls_server_config: {cert: a, key: b,\n"

INSTANTIATE_TEST_SUITE_P(
    All, BadWebConfigTest,
    ::testing::Values(
        BadFile{"NotYaml", "a: [1\nb: }\n", ":2: not YAML: "},
        BadFile{"NotAMapping", "- a\n", ":1: the document: must be a mapping"},
        BadFile{"UnknownTop", "\n\nrate_limit: {burst: 2}\n", ":3: rate_limit: unknown key"},
        BadFile{"UnknownInTls", TLS "cert_fle: x}\n",
                ":2: tls_server_config.cert_fle: unknown key"},
        BadFile{"UnknownInHttp", "http_server_config:\n  http3: true\n",
                ":2: http_server_config.http3: unknown key"},
        BadFile{"UnknownHeader", "http_server_config:\n  headers:\n    Server: x\n",
                ":3: http_server_config.headers.Server: unknown key"},
        BadFile{"GivenTwice", "http_server_config:\n  http2: true\n  http2: false\n",
                ":3: http_server_config.http2: given twice"},
        BadFile{"SectionIsAList", "tls_server_config:\n  - a\n",
                ":2: tls_server_config: must be a mapping"},
        BadFile{"KeyIsAList", "tls_server_config:\n  cert_file: [a]\n",
                ":2: tls_server_config.cert_file: must be a string"},
        BadFile{"ListIsAString", TLS "cipher_suites: x}\n",
                ":2: tls_server_config.cipher_suites: must be a list of strings"},
        BadFile{"BoolIsAWord", "http_server_config:\n  http2: perhaps\n",
                ":2: http_server_config.http2: must be true or false"},
        BadFile{"NoCertificate", "tls_server_config: {key: x}\n",
                ":1: tls_server_config.cert_file: missing, and so is cert"},
        BadFile{"NoKey", "tls_server_config: {cert: x}\n",
                ":1: tls_server_config.key_file: missing, and so is key"},
        BadFile{"TwoCertificates", "tls_server_config:\n  {cert_file: x, key: x,\n  cert: y}\n",
                ":3: tls_server_config.cert: given beside cert_file"},
        BadFile{"TwoKeys", "tls_server_config:\n  {cert: x, key_file: x,\n  key: y}\n",
                ":3: tls_server_config.key: given beside key_file"},
        BadFile{"BadAuthType", TLS "client_auth_type: Maybe}\n",
                ":2: tls_server_config.client_auth_type: is \"Maybe\", want one of "},
        BadFile{"VerifyWithoutCa", TLS "client_auth_type: RequireAndVerifyClientCert}\n",
                ":2: tls_server_config.client_auth_type: needs client_ca_file"},
        BadFile{"CaWithoutVerify", TLS "client_ca_file: x}\n",
                ":2: tls_server_config.client_ca_file: needs a client_auth_type"},
        BadFile{"TwoCas",
                TLS "client_ca: x, client_ca_file: y, client_auth_type: RequestClientCert}\n",
                ":2: tls_server_config.client_ca: given beside client_ca_file"},
        BadFile{"NamesWithoutCertificate", TLS "client_allowed_sans: [a]}\n",
                ":2: tls_server_config.client_allowed_sans: needs a client_auth_type"},
        BadFile{"BadVersion", TLS "min_version: TLS9}\n",
                ":2: tls_server_config.min_version: is \"TLS9\", want one of TLS10, TLS11"},
        BadFile{"VersionsCrossed", TLS "min_version: TLS13, max_version: TLS12}\n",
                ":2: tls_server_config.min_version: is above max_version"},
        BadFile{"BadSuite", TLS "cipher_suites: [TLS_NONE]}\n",
                ":2: tls_server_config.cipher_suites: unknown cipher suite \"TLS_NONE\""},
        BadFile{"BadCurve", TLS "curve_preferences: [CurveP1]}\n",
                ":2: tls_server_config.curve_preferences: unknown curve \"CurveP1\""},
        BadFile{"BadFrameOptions", "http_server_config:\n  headers:\n    X-Frame-Options: allow\n",
                ":3: http_server_config.headers.X-Frame-Options: must be deny or sameorigin"},
        BadFile{"BadTypeOptions",
                "http_server_config:\n  headers:\n    X-Content-Type-Options: sniff\n",
                ":3: http_server_config.headers.X-Content-Type-Options: must be nosniff"},
        BadFile{"HeaderBreaksTheHead",
                "http_server_config:\n  headers:\n    X-XSS-Protection: \"1\\r\\nEvil: 1\"\n",
                ":3: http_server_config.headers.X-XSS-Protection: must not hold control"},
        BadFile{"PlainPassword", "basic_auth_users:\n  alice: secret\n",
                ":2: basic_auth_users.alice: is not a bcrypt hash"},
        BadFile{"EmptyPassword", "basic_auth_users:\n  alice:\n",
                ":2: basic_auth_users.alice: is not a bcrypt hash"},
        BadFile{"BcryptTooDear",
                "basic_auth_users:\n  alice: "
                "$2y$17$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n",
                ":2: basic_auth_users.alice: bcrypt cost must be 4 to 16"},
        BadFile{"ColonInUser",
                "basic_auth_users:\n  \"a:b\": "
                "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG\n",
                ":2: basic_auth_users.a:b: a user's name cannot hold a colon"}),
    [](const auto& param) { return param.param.name; });

#undef TLS

}  // namespace
}  // namespace notch::agent
