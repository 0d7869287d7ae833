// The file of a Unix socket that listens: complete with its mode and group before anybody can find
// it, put in the place of one that nobody listens on, removed at the end.
// Called by: listen_socket.
//
// Invariants
//   SF1  Nothing is replaced but a socket that refuses connections. What another process puts under
//        the name meanwhile stays, or comes back: names are exchanged, and what came is looked at.
//   SF2  The file never allows more than its mode, and in the end exactly that, whatever the umask.
//   SF3  At the end the name is removed only if it is still this socket's.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "agent/files/file_descriptor.h"

namespace notch::agent {

// The users who may connect are those who may write to the file.
struct SocketAccess {
  mode_t mode = 0660;
  std::optional<gid_t> group{};  // none: what the kernel gives a new file there
};

class SocketFile {
 public:
  SocketFile() = default;
  SocketFile(SocketFile&& other) noexcept = default;
  SocketFile& operator=(SocketFile&& other) = delete;
  ~SocketFile() { remove(); }

  // Binds `socket` to `path`, which is absolute, and listens on it. Returns an empty string, or what
  // is in the way, without naming `path`, and then no file has changed. To be called once.
  std::string open(int socket, const std::string& path, const SocketAccess& access);

  // A rule of safety that the file's directory breaks, or an empty string.
  const std::string& warning() const noexcept { return warning_; }

  void remove();

 private:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const Identity&) const = default;
  };

  std::string bind_hidden(int socket, const SocketAccess& access);
  std::string put_in_place();
  std::string replace_dead();
  std::optional<Identity> identity_of(const std::string& name) const;
  std::string named(const std::string& name) const;
  std::string fault_of_occupant() const;

  FileDescriptor directory_;
  std::string name_;
  std::string hidden_;  // its name until it is complete; empty once it is
  Identity identity_;
  std::string warning_;
  bool in_place_ = false;
};

}  // namespace notch::agent
