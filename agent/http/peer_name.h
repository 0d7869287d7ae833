// Names the peer of a connected socket. Called by: http_connection.
#pragma once

#include <string>

namespace notch::agent {

struct PeerName {
  std::string text;   // ADDRESS:PORT, or "unix:uid=UID"; empty: the peer is gone
  std::string party;  // whom limits are counted for (displacement.h)
};

// Cost: a system call.
PeerName peer_name(int socket);

}  // namespace notch::agent
