// A client of raw bytes for tests of the HTTP front: it sends exactly what it is told, in the
// pieces it is told, and says what came back. Every wait has a deadline, whose passing fails the
// test.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace notch::agent::testing {

struct ClientResponse {
  int status = 0;  // 0: no whole response came
  std::string head;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// Takes one response off the front of `bytes`; status 0 if it is not whole yet.
ClientResponse take_response(std::string& bytes, bool has_body = true);

// "GET PATH HTTP/1.1" with a Host and whole further lines, each ended by CRLF.
std::string get(std::string_view path, std::string_view lines = "");

class HttpClient {
 public:
  // `address` as HttpServer::addresses() gives it. A small receive buffer makes a slow reader of a
  // client that does not read.
  explicit HttpClient(const std::string& address, int receive_buffer_bytes = 0);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // False if the server has closed.
  bool send(std::string_view bytes);
  void shut_sending();

  ClientResponse read_response(bool has_body = true);
  ClientResponse ask(std::string_view request) {
    send(request);
    return read_response();
  }

  // Everything until the server closes; it must do so before the deadline.
  std::string read_to_close();

  // Reads at least one byte more.
  void read_some();

  // What was received and not yet taken by read_response().
  const std::string& received() const noexcept { return received_; }

 private:
  // False: closed.
  bool receive();

  int fd_ = -1;
  std::string received_;
};

}  // namespace notch::agent::testing
