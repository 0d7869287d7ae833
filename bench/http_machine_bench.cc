// What following HTTP costs a program: the same keep-alive exchange again and again, seen by the
// machine and, as the base, by nobody. Bodies are longer from row to row: they must cost nothing.
// Rows: per exchange (two calls in, one out); `bytes_per_second` counts the heads alone.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/preload/http/http_machine.h"

namespace {

using namespace notch::preload;

const std::string kBrowserGet =
    "GET /api/v1/users/48151623/orders?limit=20 HTTP/1.1\r\n"
    "Host: shop.example.org\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";
const std::string kWrkGet = "GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n";

std::string answer_head(std::int64_t body_bytes) {
  return "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
         "Content-Type: application/json\r\nContent-Length: " +
         std::to_string(body_bytes) +
         "\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: keep-alive\r\n"
         "ETag: \"65920080-267\"\r\nAccept-Ranges: bytes\r\n\r\n";
}

struct Count {
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
};

void exchanges(benchmark::State& state, const std::string& request, std::int64_t body_bytes) {
  const std::string head = answer_head(body_bytes);
  const std::string answer = head + std::string(static_cast<std::size_t>(body_bytes), 'x');
  Count count;
  const HttpObserver observer{
      &count,
      [](void* context, const HttpRequestStart&) { ++static_cast<Count*>(context)->started; },
      [](void* context, const HttpExchange&) { ++static_cast<Count*>(context)->finished; },
      [](void*, HttpRole, HttpLoss) {}};
  const auto routes = std::make_unique<HttpRoutes>();
  const HttpWatch watch{&observer, routes.get()};
  HttpConnection connection{};
  connection.role = HttpRole::kServer;
  std::uint64_t now = 1;
  for (auto _ : state) {
    http_in(connection, watch, request.data(), request.size(), now);
    http_out(connection, watch, answer.data(), answer.size(), now + 100, now + 100);
    now += 1000;
  }
  if (count.finished != count.started ||
      count.finished != static_cast<std::uint64_t>(state.iterations())) {
    state.SkipWithError("exchanges were missed");
  }
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(request.size() + head.size()));
}

void short_get(benchmark::State& state) {
  exchanges(state, kWrkGet, state.range(0));
}
void browser_get(benchmark::State& state) {
  exchanges(state, kBrowserGet, state.range(0));
}
BENCHMARK(short_get)->Arg(0)->Arg(612);
BENCHMARK(browser_get)->Arg(612)->Arg(1 << 20);

// A server's connection that is followed by one who does nothing with it.
struct Watched {
  const HttpObserver observer{nullptr, [](void*, const HttpRequestStart&) {},
                              [](void*, const HttpExchange&) {}, [](void*, HttpRole, HttpLoss) {}};
  const std::unique_ptr<HttpRoutes> routes = std::make_unique<HttpRoutes>();
  const HttpWatch watch{&observer, routes.get()};
  HttpConnection connection{};

  Watched() { connection.role = HttpRole::kServer; }
};

// A body in pieces of 16 KiB, each a call.
void body_piece(benchmark::State& state) {
  Watched server;
  http_in(server.connection, server.watch, kWrkGet.data(), kWrkGet.size(), 1);
  const std::string head = answer_head(INT64_MAX);
  http_out(server.connection, server.watch, head.data(), head.size(), 2, 2);
  const std::vector<char> piece(16 << 10);
  for (auto _ : state) http_out(server.connection, server.watch, piece.data(), piece.size(), 3, 3);
}
BENCHMARK(body_piece);

// A connection that is not HTTP.
void not_http(benchmark::State& state) {
  Watched server;
  const std::string bytes = "*1\r\n$4\r\nPING\r\n";
  for (auto _ : state) {
    benchmark::DoNotOptimize(server.connection);
    http_in(server.connection, server.watch, bytes.data(), bytes.size(), 1);
  }
}
BENCHMARK(not_http);

}  // namespace

BENCHMARK_MAIN();
