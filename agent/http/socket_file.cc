#include "agent/http/socket_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "agent/files/unix_address.h"

namespace notch::agent {
namespace {

constexpr int kMostTries = 8;

std::string reason() {
  return std::strerror(errno);
}

// So that nobody can make it beforehand.
std::string random_name() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) number = 0;
  char text[32];
  std::snprintf(text, sizeof text, ".notchd.%016llx", static_cast<unsigned long long>(number));
  return text;
}

}  // namespace

// A name in directory_ as a path that is short enough for a socket's address, wherever it is.
std::string SocketFile::named(const std::string& name) const {
  return "/proc/self/fd/" + std::to_string(directory_.get()) + "/" + name;
}

std::optional<SocketFile::Identity> SocketFile::identity_of(const std::string& name) const {
  struct stat status {};
  if (::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return {};
  return Identity{status.st_dev, status.st_ino};
}

std::string SocketFile::open(int socket, const std::string& path, const SocketAccess& access) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  name_ = path.substr(slash + 1);
  directory_ = FileDescriptor(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory_.valid()) return "its directory " + parent + ": " + reason();
  struct stat status {};
  if (::fstat(directory_.get(), &status) != 0) return "its directory " + parent + ": " + reason();
  const bool of_others = status.st_uid != 0 && status.st_uid != ::geteuid();
  if (of_others || (status.st_mode & S_IWOTH) != 0) {
    warning_ = "others may write " + parent + ": while no agent listens on " + path +
               ", a socket of theirs can take its place";
  }
  std::string fault = bind_hidden(socket, access);
  if (fault.empty()) fault = put_in_place();
  if (!hidden_.empty()) ::unlinkat(directory_.get(), hidden_.c_str(), 0);
  hidden_.clear();
  return fault;
}

std::string SocketFile::bind_hidden(int socket, const SocketAccess& access) {
  // The kernel gives the file what the socket has, less the umask.
  if (::fchmod(socket, access.mode & 0600) != 0) return reason();
  const std::string hidden = random_name();
  const UnixAddress address = unix_address(named(hidden));
  if (::bind(socket, address.data(), address.bytes) != 0) {
    return reason();
  }
  hidden_ = hidden;
  const FileDescriptor file(
      ::openat(directory_.get(), hidden.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) return reason();
  if (!S_ISSOCK(status.st_mode) || status.st_uid != ::geteuid()) {
    return "another process changes its directory";
  }
  identity_ = {status.st_dev, status.st_ino};
  if (access.group && status.st_gid != *access.group &&
      ::fchownat(file.get(), "", static_cast<uid_t>(-1), *access.group, AT_EMPTY_PATH) != 0) {
    return "it cannot be given to the group " + std::to_string(*access.group) + ": " + reason() +
           " (only root can, or who is in the group)";
  }
  const std::string pinned = "/proc/self/fd/" + std::to_string(file.get());
  if (::chmod(pinned.c_str(), access.mode) != 0) return "its mode: " + reason();
  return ::listen(socket, SOMAXCONN) == 0 ? "" : reason();
}

std::string SocketFile::put_in_place() {
  for (int tries = 0; tries < kMostTries; ++tries) {
    if (::renameat2(directory_.get(), hidden_.c_str(), directory_.get(), name_.c_str(),
                    RENAME_NOREPLACE) == 0) {
      hidden_.clear();
      in_place_ = true;
      return "";
    }
    if (errno != EEXIST) return reason();
    const std::string fault = replace_dead();
    if (in_place_ || !fault.empty()) return fault;
  }
  return "other processes keep changing it";
}

// The reason why the file under the name must stay: it is no socket, or somebody listens on it. Empty if
// it may be replaced, or is gone.
std::string SocketFile::fault_of_occupant() const {
  struct stat status {};
  if (::fstatat(directory_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return "";
  if (!S_ISSOCK(status.st_mode)) return "it exists and is no socket, so it is not replaced";
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const UnixAddress address = unix_address(named(name_));
  if (::connect(probe.get(), address.data(), address.bytes) == 0 || errno == EAGAIN) {
    return "another process listens on it";
  }
  if (errno == ECONNREFUSED || errno == ENOENT) return "";
  return "whether another process listens on it is unknown: " + reason();
}

// Empty and not in place: the name is free now, or something else stands there.
std::string SocketFile::replace_dead() {
  const std::optional<Identity> dead = identity_of(name_);
  if (!dead) return "";
  const std::string fault = fault_of_occupant();
  if (!fault.empty()) return fault;
  const auto exchange = [this] {
    return ::renameat2(directory_.get(), hidden_.c_str(), directory_.get(), name_.c_str(),
                       RENAME_EXCHANGE);
  };
  if (exchange() != 0) return errno == ENOENT ? "" : "what is left of it cannot go: " + reason();
  if (identity_of(hidden_) != dead) {
    exchange();
    return "";
  }
  in_place_ =
      true;  // and what is left of the dead one now has the hidden name, which open() removes
  return "";
}

void SocketFile::remove() {
  if (!in_place_ || !directory_.valid()) return;
  in_place_ = false;
  if (identity_of(name_) == identity_) ::unlinkat(directory_.get(), name_.c_str(), 0);
}

}  // namespace notch::agent
