#include "client/preload/http_figures.h"

#include <cstddef>
#include <string_view>

#include "client/preload/definitions.h"
#include "client/preload/endpoints.h"
#include "client/preload/handover.h"
#include "client/preload/label_sets.h"
#include "notch/counter.h"
#include "notch/histogram.h"
#include "notch/up_down_counter.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

// OpenTelemetry's advice for durations. For sizes it has none: here are none, a packet, a page, and so
// on up to what is downloaded in one piece, in steps of four.
constexpr double kDurationBounds[] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                      0.5,   0.75, 1,     2.5,  5,     7.5, 10};
constexpr double kKib = 1024;
constexpr double kMib = 1024 * kKib;
constexpr double kSizeBounds[] = {0,         64,        256,        kKib,       4 * kKib,
                                  16 * kKib, 64 * kKib, 256 * kKib, kMib,       4 * kMib,
                                  16 * kMib, 64 * kMib, 256 * kMib, 1024 * kMib};
constexpr std::size_t kDurationCells = std::size(kDurationBounds) + 2;
constexpr std::size_t kSizeCells = std::size(kSizeBounds) + 2;

// The most label sets of a family. Of one scheme a server shows some 64 pairs of method and status
// when everything happens that does: GET 15, POST 19, PUT 9, HEAD, PATCH and DELETE 7 each. It may
// have two schemes. What it asks of others goes by one of them, mostly to few addresses. A server's
// durations are by route besides: 64 routes of four outcomes each.
constexpr std::size_t kServerDurations = 256;
constexpr std::size_t kClientDurations = 64;
constexpr std::size_t kServerSizes = 128;
constexpr std::size_t kClientSizes = 64;
constexpr std::size_t kMethods = 11;

// As long as another thread takes to make a label set.
constexpr int kMostTries = 64;

constexpr std::string_view kReasons[kUnobservedReasons] = {"pipelined", "contended", "framing",
                                                           "unended",   "unasked",   "descriptor",
                                                           "untimed",   "no_series"};
constexpr std::string_view kSides[] = {"server", "client"};

// The metrics of one side, server or client.
struct Side {
  Family duration;
  Family request_size;
  Family response_size;
};

Side server;
Side client_side;
UpDownCounter active_requests[2][kMethods];  // of http, of https
Counter unobserved[std::size(kSides)][kUnobservedReasons];
LabelSets<512, 1> durations;
LabelSets<256, 2> sizes;

void define_sizes(Side& side, std::string_view request_name, std::string_view response_name,
                  std::size_t most) {
  const Words labels = {"http_request_method", "http_response_status_code", "url_scheme"};
  side.request_size = define_histogram(request_name, "Size of the bodies of HTTP requests.",
                                       "bytes", labels, kSizeBounds, most);
  side.response_size = define_histogram(response_name, "Size of the bodies of HTTP responses.",
                                        "bytes", labels, kSizeBounds, most);
}

void define_sides() {
  server.duration = define_histogram(
      "http_server_request_duration_seconds", "Duration of HTTP server requests.", "seconds",
      {"http_request_method", "http_route", "http_response_status_code", "url_scheme",
       "network_protocol_version", "error_type"},
      kDurationBounds, kServerDurations);
  define_sizes(server, "http_server_request_body_size_bytes",
               "http_server_response_body_size_bytes", kServerSizes);
  client_side.duration = define_histogram(
      "http_client_request_duration_seconds", "Duration of HTTP client requests.", "seconds",
      {"http_request_method", "http_response_status_code", "url_scheme", "network_protocol_version",
       "error_type", "server_address", "server_port"},
      kDurationBounds, kClientDurations);
  define_sizes(client_side, "http_client_request_body_size_bytes",
               "http_client_response_body_size_bytes", kClientSizes);
}

Side& side_of(const HttpExchange& exchange) {
  return exchange.role == HttpRole::kServer ? server : client_side;
}

std::string_view scheme_of(bool secure) {
  return secure ? "https" : "http";
}

// The three digits, or nothing.
struct StatusText {
  char digits[3];
  std::size_t size;

  explicit StatusText(std::uint16_t status) noexcept
      : digits{static_cast<char>('0' + status / 100 % 10),
               static_cast<char>('0' + status / 10 % 10), static_cast<char>('0' + status % 10)},
        size(status == 0 ? 0 : 3) {}
  std::string_view view() const noexcept { return {digits, size}; }
};

// OpenTelemetry: the status if it is the fault of whom it is measured for, else what happened.
std::string_view error_of(const HttpExchange& exchange, const StatusText& status) {
  const unsigned least = exchange.role == HttpRole::kServer ? 500 : 400;
  if (exchange.status >= least) return status.view();
  if (exchange.error == HttpError::kNoAnswer) return "no_answer";
  if (exchange.error == HttpError::kCutShort) return "cut_short";
  return "";
}

// The parts that both keys have; never below kLeastLabelKey.
std::uint64_t common_key(const HttpExchange& exchange) {
  return std::uint64_t{1} << 63 | std::uint64_t{exchange.role == HttpRole::kServer} << 62 |
         std::uint64_t{exchange.secure} << 61 | std::uint64_t{exchange.status} << 8 |
         static_cast<std::uint64_t>(exchange.method);
}

std::uint64_t duration_key(const HttpExchange& exchange, std::uint8_t endpoint) {
  const bool is_server = exchange.role == HttpRole::kServer;
  return common_key(exchange) | std::uint64_t{is_server ? exchange.route : endpoint} << 32 |
         static_cast<std::uint64_t>(exchange.error) << 40 |
         std::uint64_t{exchange.version_1_0} << 44;
}

notch_series make_server_duration(const HttpExchange& exchange, const HttpRoutes& routes) {
  char route[kRouteTextBytes];
  const std::size_t route_size = route_text(routes, exchange.route, route);
  const StatusText status(exchange.status);
  return server.duration.with_now({name_of(exchange.method),
                                   {route, route_size},
                                   status.view(),
                                   scheme_of(exchange.secure),
                                   exchange.version_1_0 ? "1.0" : "1.1",
                                   error_of(exchange, status)});
}

notch_series make_client_duration(const HttpExchange& exchange, std::uint8_t endpoint) {
  if (endpoint == kEndpointUnknown) return {};
  const EndpointText text = endpoint_text(endpoint);
  const StatusText status(exchange.status);
  return client_side.duration.with_now(
      {name_of(exchange.method), status.view(), scheme_of(exchange.secure),
       exchange.version_1_0 ? "1.0" : "1.1", error_of(exchange, status), text.address, text.port});
}

notch_series make_duration(const HttpExchange& exchange, std::uint8_t endpoint,
                           const HttpRoutes& routes) {
  return exchange.role == HttpRole::kServer ? make_server_duration(exchange, routes)
                                            : make_client_duration(exchange, endpoint);
}

// Where the rest of a family goes. It is made before the family's first label set, and so is there
// when no other can be made; who finds a series being made elsewhere tries again.
template <class Sets, std::size_t kSeries>
[[gnu::noinline]] const notch_series* find_rest(Sets& sets, HttpRole role,
                                                const Family* const (&families)[kSeries]) {
  const std::uint64_t key = kLeastLabelKey + static_cast<std::uint64_t>(role);
  for (int tries = 0; sets.find(key) == nullptr && tries < kMostTries; ++tries) {
    notch_series made[kSeries];
    bool whole = true;
    for (std::size_t i = 0; i < kSeries; ++i) {
      made[i] = families[i]->overflow_now();
      whole = whole && made[i].detail != nullptr;
    }
    if (whole) sets.keep(key, made);
    shm::pause();
  }
  return sets.find(key);
}

// An exchange that is handed over.
struct Ended {
  HttpExchange exchange;
  const HttpRoutes* routes;
  std::uint8_t endpoint;
};

// What `make` gives is kept, if it is whole; else it is the rest. False if there is none of these.
template <class Sets, std::size_t kSeries, class Make>
bool find_or_make(Sets& sets, std::uint64_t key, HttpRole role,
                  const Family* const (&families)[kSeries], notch_series (&found)[kSeries],
                  Make make) {
  notch_series made[kSeries] = {};
  const notch_series* known = sets.find(key);
  if (known == nullptr) {
    known = find_rest(sets, role, families);
    make(made);
    bool whole = true;
    for (const notch_series& series : made) whole = whole && series.detail != nullptr;
    if (whole) sets.keep(key, made);
    if (whole) known = made;
    if (known == nullptr) return false;
  }
  for (std::size_t i = 0; i < kSeries; ++i) found[i] = known[i];
  return true;
}

bool find_or_make_sizes(const HttpExchange& exchange, notch_series (&found)[2]) {
  const Side& side = side_of(exchange);
  return find_or_make(
      sizes, common_key(exchange), exchange.role, {&side.request_size, &side.response_size}, found,
      [&](notch_series* made) {
        const StatusText status(exchange.status);
        const Words words = {name_of(exchange.method), status.view(), scheme_of(exchange.secure)};
        made[0] = side.request_size.with_now(words);
        made[1] = side.response_size.with_now(words);
      });
}

bool find_or_make_duration(const Ended& ended, notch_series (&found)[1]) {
  const HttpExchange& exchange = ended.exchange;
  return find_or_make(durations, duration_key(exchange, ended.endpoint), exchange.role,
                      {&side_of(exchange).duration}, found, [&](notch_series* made) {
                        made[0] = make_duration(exchange, ended.endpoint, *ended.routes);
                      });
}

// `size`: of the request's body and the response's. `duration`: null where it is not known.
void measure(const HttpExchange& exchange, const notch_series* size, const notch_series* duration) {
  Histogram(size[0]).observe(static_cast<double>(exchange.request_body_bytes));
  Histogram(size[1]).observe(static_cast<double>(exchange.response_body_bytes));
  if (duration == nullptr) return count_unobserved(exchange.role, Unobserved::kUntimed);
  Histogram(*duration).observe(static_cast<double>(exchange.duration) * 1e-9);
}

// In all of its metrics, or in none of them.
void count_ended(const void* what) noexcept {
  const auto& ended = *static_cast<const Ended*>(what);
  const HttpExchange& exchange = ended.exchange;
  notch_series size[2];
  notch_series duration[1];
  const bool whole = find_or_make_sizes(exchange, size) &&
                     (!exchange.timed || find_or_make_duration(ended, duration));
  if (!whole) return count_unobserved(exchange.role, Unobserved::kNoSeries);
  measure(exchange, size, exchange.timed ? duration : nullptr);
}

}  // namespace

LabelRoom define_http_figures(bool secure) noexcept {
  define_sides();
  const Family active =
      define_up_down_counter("http_server_active_requests", "HTTP requests being answered.", "",
                             {"http_request_method", "url_scheme"});
  for (std::size_t i = 0; i < kMethods; ++i) {
    const char* const method = name_of(static_cast<HttpMethod>(i));
    active_requests[0][i] = UpDownCounter(active.with_gauge({method, scheme_of(false)}));
    if (secure) active_requests[1][i] = UpDownCounter(active.with_gauge({method, scheme_of(true)}));
  }
  const Family rest = define_counter("libc_http_unobserved_total",
                                     "HTTP exchanges that are in no duration, or connections whose "
                                     "exchanges are not known (descriptor).",
                                     "", {"reason", "side"});
  for (std::size_t i = 0; i < std::size(kSides); ++i) {
    for (std::size_t j = 0; j < kUnobservedReasons; ++j) {
      unobserved[i][j] = Counter(rest.with({kReasons[j], kSides[i]}));
    }
  }
  constexpr std::size_t kDurations = kServerDurations + kClientDurations;
  constexpr std::size_t kAllSizes = 2 * (kServerSizes + kClientSizes);
  return {kDurations * kDurationCells + kAllSizes * kSizeCells, kDurations + kAllSizes};
}

[[gnu::cold, gnu::noinline]] void make_overflow_series() noexcept {
  for (const HttpRole role : {HttpRole::kServer, HttpRole::kClient}) {
    const Side& side = role == HttpRole::kServer ? server : client_side;
    find_rest(durations, role, {&side.duration});
    find_rest(sizes, role, {&side.request_size, &side.response_size});
  }
}

void count_started(const HttpRequestStart& start) noexcept {
  if (start.role != HttpRole::kServer) return;
  active_requests[start.secure ? 1 : 0][static_cast<std::size_t>(start.method)].add();
}

void count_finished(const HttpExchange& exchange, std::uint8_t endpoint,
                    const HttpRoutes& routes) noexcept {
  if (exchange.role == HttpRole::kServer)
    active_requests[exchange.secure ? 1 : 0][static_cast<std::size_t>(exchange.method)].subtract();
  if (exchange.loss == HttpLoss::kUnheard) return;
  if (exchange.loss != HttpLoss::kNone) return count_lost(exchange.role, exchange.loss);
  const notch_series* const size = sizes.find(common_key(exchange));
  const notch_series* const duration =
      exchange.timed ? durations.find(duration_key(exchange, endpoint)) : nullptr;
  const bool whole = size != nullptr && (duration != nullptr || !exchange.timed);
  if (!whole) return count_in_turn(count_ended, Ended{exchange, &routes, endpoint});
  measure(exchange, size, duration);
}

void count_lost(HttpRole role, HttpLoss loss) noexcept {
  count_unobserved(role, static_cast<Unobserved>(static_cast<unsigned>(loss) - 1));
}

void count_unobserved(HttpRole role, Unobserved reason) noexcept {
  const std::size_t side = role == HttpRole::kServer ? 0 : 1;
  unobserved[side][static_cast<std::size_t>(reason)].add();
}

}  // namespace notch::preload
