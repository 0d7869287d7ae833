// Every Accept header that scrapers are known to send, and the rules one by one.
#include "agent/expose/content_negotiation.h"

#include <gtest/gtest.h>

#include <ostream>

namespace notch::agent {
namespace {

struct HeaderCase {
  const char* from;
  const char* accept;
  Format format;
  Escaping escaping = Escaping::kUnstated;
};

void PrintTo(const HeaderCase& known, std::ostream* out) {
  *out << known.from;
}

#define PROTO \
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#define OM "application/openmetrics-text"

const HeaderCase kKnownHeaders[] = {
    {"Prometheus 2.30", OM "; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     Format::kOpenMetrics},
    {"Prometheus 2.40.0",
     OM ";version=1.0.0;q=0.75," OM ";q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     Format::kOpenMetrics},
    {"Prometheus 2.39 to 2.48",
     OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     Format::kOpenMetrics},
    {"Prometheus 2.41 to 2.48, native histograms",
     PROTO "," OM ";version=1.0.0;q=0.8," OM
           ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     Format::kProtobuf},
    {"Prometheus 2.40, native histograms",
     "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
     "encoding=delimited," OM ";version=1.0.0;q=0.75," OM
     ";q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     Format::kProtobuf},
    {"Prometheus 2.49.0, q=2",
     OM ";version=1.0.0;q=0.5," OM ";version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=2",
     Format::kOpenMetrics},
    {"Prometheus 2.49.1 to 2.55",
     OM ";version=1.0.0;q=0.5," OM ";version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
     Format::kOpenMetrics},
    {"Prometheus 2.49.1 to 2.55, protobuf first",
     PROTO ";q=0.5," OM ";version=1.0.0;q=0.4," OM
           ";version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
     Format::kProtobuf},
    {"Prometheus 3.0.0 to 3.2.0, escaping twice",
     OM ";version=1.0.0;escaping=allow-utf-8;q=0.6," OM
        ";version=0.0.1;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;"
        "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
     Format::kOpenMetrics, Escaping::kAllowUtf8},
    {"Prometheus 3.2.1 to 3.3",
     OM ";version=1.0.0;escaping=allow-utf-8;q=0.6," OM
        ";version=0.0.1;escaping=allow-utf-8;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;"
        "q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2",
     Format::kOpenMetrics, Escaping::kAllowUtf8},
    {"Prometheus 3.2.1 to 3.3, protobuf first",
     PROTO ";escaping=allow-utf-8;q=0.6," OM ";version=1.0.0;escaping=allow-utf-8;q=0.5," OM
           ";version=0.0.1;escaping=allow-utf-8;q=0.4,text/plain;version=1.0.0;"
           "escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.2,"
           "*/*;q=0.1",
     Format::kProtobuf, Escaping::kAllowUtf8},
    {"Prometheus 3.4 to 3.14",
     OM ";version=1.0.0;escaping=allow-utf-8;q=0.6," OM
        ";version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;"
        "version=0.0.4;q=0.3,*/*;q=0.2",
     Format::kOpenMetrics, Escaping::kAllowUtf8},
    {"Prometheus 3.4 to 3.14, native histograms",
     PROTO ";q=0.6," OM ";version=1.0.0;escaping=allow-utf-8;q=0.5," OM
           ";version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;"
           "version=0.0.4;q=0.2,*/*;q=0.1",
     Format::kProtobuf},
    {"Prometheus 3.x, underscores",
     OM ";version=1.0.0;escaping=underscores;q=0.6," OM
        ";version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=underscores;q=0.4,text/plain;"
        "version=0.0.4;q=0.3,*/*;q=0.2",
     Format::kOpenMetrics, Escaping::kUnderscores},
    {"Prometheus 3.x, dots",
     OM ";version=1.0.0;escaping=dots;q=0.6," OM
        ";version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=dots;q=0.4,text/plain;"
        "version=0.0.4;q=0.3,*/*;q=0.2",
     Format::kOpenMetrics, Escaping::kDots},
    {"Prometheus 3.x, values",
     OM ";version=1.0.0;escaping=values;q=0.6," OM
        ";version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=values;q=0.4,text/plain;"
        "version=0.0.4;q=0.3,*/*;q=0.2",
     Format::kOpenMetrics, Escaping::kValues},
    {"VictoriaMetrics", "text/plain;version=0.0.4;q=1,*/*;q=0.1", Format::kText},
    {"client_golang, Kubernetes", PROTO ";q=0.7,text/plain;version=0.0.4;q=0.3", Format::kProtobuf},
    {"curl", "*/*", Format::kText},
    {"a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
     Format::kText},
    {"no header", "", Format::kText},
};

class KnownScrapers : public ::testing::TestWithParam<HeaderCase> {};

TEST_P(KnownScrapers, GetWhatTheyPrefer) {
  const Negotiated got = negotiate(GetParam().accept, "gzip");
  EXPECT_EQ(got.format, GetParam().format);
  EXPECT_EQ(got.escaping, GetParam().escaping);
  EXPECT_TRUE(got.gzip);
}

INSTANTIATE_TEST_SUITE_P(Headers, KnownScrapers, ::testing::ValuesIn(kKnownHeaders));

Format format_for(std::string_view accept) {
  return negotiate(accept, "").format;
}
bool gzip_for(std::string_view accept_encoding) {
  return negotiate("", accept_encoding).gzip;
}

TEST(ContentNegotiation, TheHighestWeightWinsThenTheFirst) {
  EXPECT_EQ(format_for("text/plain;q=0.2," OM ";q=0.3"), Format::kOpenMetrics);
  EXPECT_EQ(format_for("text/plain;q=0.3," OM ";q=0.3"), Format::kText);
}

TEST(ContentNegotiation, MissingVersionsAreAccepted) {
  EXPECT_EQ(format_for(OM), Format::kOpenMetrics);
  EXPECT_EQ(format_for("text/plain," OM ";q=0.9"), Format::kText);
}

TEST(ContentNegotiation, VersionsWeDoNotWriteAreNoMatch) {
  EXPECT_EQ(format_for(OM ";version=2.0.0"), Format::kText);
  EXPECT_EQ(format_for("text/plain;version=1.0.0," OM ";q=0.1"), Format::kOpenMetrics);
}

TEST(ContentNegotiation, ProtobufNeedsItsProtoAndItsEncoding) {
  EXPECT_EQ(format_for("application/vnd.google.protobuf"), Format::kText);
  EXPECT_EQ(format_for("application/vnd.google.protobuf;encoding=delimited"), Format::kText);
  EXPECT_EQ(format_for("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
                       "encoding=text"),
            Format::kText);
}

TEST(ContentNegotiation, WeightZeroRefuses) {
  EXPECT_EQ(format_for(OM ";q=0,*/*;q=0.1"), Format::kText);
  EXPECT_EQ(format_for("text/plain;q=0,*/*," OM ";q=0.1"), Format::kOpenMetrics);
}

TEST(ContentNegotiation, AWildcardIsTextUnlessTextIsNamed) {
  EXPECT_EQ(format_for("*/*;q=1," OM ";q=0.1"), Format::kText);
  EXPECT_EQ(format_for("*/*;q=1," OM ";q=0.2,text/plain;q=0.1"), Format::kOpenMetrics);
}

TEST(ContentNegotiation, NothingThatMatchesIsText) {
  EXPECT_EQ(format_for("application/json"), Format::kText);
  EXPECT_EQ(format_for(";;;,,,=,q=,\"unclosed;q=\x01"), Format::kText);
}

TEST(ContentNegotiation, WeightsAboveOneAreOne) {
  EXPECT_EQ(format_for("text/plain;q=1," OM ";q=2"), Format::kText);
}

TEST(ContentNegotiation, WeightsThatCannotBeReadAreOne) {
  EXPECT_EQ(format_for("text/plain;q=0.9," OM ";q=high"), Format::kOpenMetrics);
  EXPECT_EQ(format_for("text/plain;q=0.9," OM ";q=nan"), Format::kOpenMetrics);
  EXPECT_EQ(format_for("text/plain;q=0.9," OM ";q=-1"), Format::kText);
}

TEST(ContentNegotiation, CaseBlanksAndQuotesDoNotMatter) {
  EXPECT_EQ(format_for(" Application/OpenMetrics-Text ;\tVersion = \"1.0.0\" ; Q=0.9"),
            Format::kOpenMetrics);
  EXPECT_EQ(format_for("x/y;note=\"a," OM ";\""), Format::kText);
}

TEST(ContentNegotiation, AnUnknownEscapingIsNotRepeated) {
  EXPECT_EQ(negotiate(OM ";escaping=\"x\r\ny\"", "").escaping, Escaping::kUnstated);
}

TEST(ContentNegotiation, GzipMustBeNamedAndNotRefused) {
  EXPECT_TRUE(gzip_for("gzip"));
  EXPECT_TRUE(gzip_for("deflate, GZIP;q=0.5, br"));
  EXPECT_TRUE(gzip_for("*"));
  EXPECT_FALSE(gzip_for(""));
  EXPECT_FALSE(gzip_for("identity"));
  EXPECT_FALSE(gzip_for("gzip;q=0"));
  EXPECT_FALSE(gzip_for("gzip;q=0, *"));
  EXPECT_FALSE(gzip_for("zstd"));
  EXPECT_FALSE(gzip_for("gzip;q=0.5, identity"));
}

TEST(ContentNegotiation, ContentTypesAreTheCanonicalOnes) {
  EXPECT_EQ(content_type(Format::kText, Escaping::kUnstated),
            "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(content_type(Format::kOpenMetrics, Escaping::kAllowUtf8),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8");
  EXPECT_EQ(content_type(Format::kProtobuf, Escaping::kUnderscores),
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
            "encoding=delimited; escaping=underscores");
}

}  // namespace
}  // namespace notch::agent
