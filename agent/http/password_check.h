// Checks a user's password against a bcrypt hash on a thread of its own. Called by: http_service.
//
// Invariants
//   PW1  The loop's thread never computes a hash; it only looks into the cache.
//   PW2  Only right passwords are cached, at most kMaxCached, under a keyed hash with a random key:
//        wrong ones cannot push out right ones, and memory holds no password for long.
//   PW3  What the thread is given and gives back are values: no callback leaves the loop's thread.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace notch::agent {

struct Credentials {
  std::string user;
  std::string password;
};

// The credentials in an Authorization header of the Basic scheme; nullopt if it is not one, or
// malformed.
std::optional<Credentials> basic_credentials(std::string_view authorization);

// True if `hash` is bcrypt of `password`. Compares in constant time. Cost: 2^cost of the hash.
bool bcrypt_matches(const std::string& password, const std::string& hash);

class PasswordCheck {
 public:
  using Callback = std::function<void(bool right)>;

  static constexpr std::size_t kMaxCached = 100;
  static constexpr std::size_t kMaxWaiting = 64;

  // REQUIRES: `loop` outlives close().
  explicit PasswordCheck(boost::asio::io_context& loop);
  ~PasswordCheck();
  PasswordCheck(const PasswordCheck&) = delete;
  PasswordCheck& operator=(const PasswordCheck&) = delete;

  // Calls `callback` on the loop's thread: at once if the answer is cached, else when the thread
  // got to it. With `known` false the work is done all the same and the answer is no, so that a
  // stranger cannot tell which users exist. False, and no call back: kMaxWaiting others wait already.
  bool check(const Credentials& credentials, const std::string& hash, bool known,
             Callback callback);

  // Waits for the hash under way, drops the other checks without calling back.
  void close();

 private:
  using Key = std::array<unsigned char, 32>;

  Key key_of(const Credentials& credentials, const std::string& hash) const;
  void remember(const Key& key);

  boost::asio::io_context& loop_;
  std::array<unsigned char, 32> salt_{};

  // The loop's thread only.
  std::deque<Key> right_;  // oldest first
  std::unordered_map<std::uint64_t, Callback> waiting_;
  std::uint64_t next_id_ = 0;
  std::unique_ptr<boost::asio::thread_pool> thread_;
  std::shared_ptr<PasswordCheck*> self_;  // null inside once closed
};

}  // namespace notch::agent
