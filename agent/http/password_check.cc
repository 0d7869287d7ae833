#include "agent/http/password_check.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/string.hpp>
#include <utility>
#include <vector>

namespace notch::agent {
namespace {

namespace asio = boost::asio;

std::optional<std::string> base64_decoded(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::vector<unsigned char> decoded(text.size() / 4 * 3);
  const int bytes =
      EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (bytes < 0 || static_cast<std::size_t>(bytes) < padding) return std::nullopt;
  return std::string(decoded.begin(), decoded.begin() + bytes - static_cast<long>(padding));
}

}  // namespace

std::optional<Credentials> basic_credentials(std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  if (authorization.size() < kScheme.size() ||
      !boost::beast::iequals({authorization.data(), kScheme.size()},
                             {kScheme.data(), kScheme.size()})) {
    return std::nullopt;
  }
  authorization.remove_prefix(kScheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  const std::optional<std::string> decoded = base64_decoded(authorization);
  if (!decoded) return std::nullopt;
  const std::size_t colon = decoded->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

bool bcrypt_matches(const std::string& password, const std::string& hash) {
  // crypt_rn takes a C string: what follows a NUL would not count.
  if (password.find('\0') != std::string::npos) return false;
  crypt_data scratch{};
  const char* computed = ::crypt_rn(password.c_str(), hash.c_str(), &scratch, sizeof scratch);
  const bool right = computed != nullptr && std::string_view(computed).size() == hash.size() &&
                     CRYPTO_memcmp(computed, hash.data(), hash.size()) == 0;
  OPENSSL_cleanse(&scratch, sizeof scratch);
  return right;
}

PasswordCheck::PasswordCheck(asio::io_context& loop)
    : loop_(loop),
      thread_(std::make_unique<asio::thread_pool>(1)),
      self_(std::make_shared<PasswordCheck*>(this)) {
  RAND_bytes(salt_.data(), static_cast<int>(salt_.size()));
}

PasswordCheck::~PasswordCheck() {
  close();
}

bool PasswordCheck::check(const Credentials& credentials, const std::string& hash, bool known,
                          Callback callback) {
  if (thread_ == nullptr) return true;
  const Key key = key_of(credentials, hash);
  if (known && std::ranges::find(right_, key) != right_.end()) {
    callback(true);
    return true;
  }
  if (waiting_.size() >= kMaxWaiting) return false;
  const std::uint64_t id = next_id_++;
  waiting_.emplace(id, std::move(callback));
  asio::post(*thread_, [self = self_, id, key, known, password = credentials.password, hash,
                        loop = asio::make_work_guard(loop_)]() mutable {
    const bool right = bcrypt_matches(password, hash) && known;
    OPENSSL_cleanse(password.data(), password.size());
    asio::post(loop.get_executor(), [self = std::move(self), id, key, right] {
      if (*self == nullptr) return;
      PasswordCheck& check = **self;
      if (right) check.remember(key);
      auto waiting = check.waiting_.extract(id);
      if (waiting) waiting.mapped()(right);
    });
  });
  return true;
}

void PasswordCheck::close() {
  *self_ = nullptr;
  if (thread_ != nullptr) {
    thread_->stop();
    thread_->join();
    thread_.reset();
  }
  // A callback may own its caller, which may own this: let them go one by one, off the members.
  const auto dropped = std::exchange(waiting_, {});
}

PasswordCheck::Key PasswordCheck::key_of(const Credentials& credentials,
                                         const std::string& hash) const {
  // Hash has a fixed length and a user no colon, so the three cannot run into each other.
  std::string text = hash + credentials.user + ":" + credentials.password;
  Key key{};
  unsigned int bytes = 0;
  HMAC(EVP_sha256(), salt_.data(), static_cast<int>(salt_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), key.data(), &bytes);
  OPENSSL_cleanse(text.data(), text.size());
  return key;
}

void PasswordCheck::remember(const Key& key) {
  if (std::ranges::find(right_, key) != right_.end()) return;
  if (right_.size() == kMaxCached) right_.pop_front();
  right_.push_back(key);
}

}  // namespace notch::agent
