#include "agent/http/displacement.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace notch::agent {
namespace {

bool takes_part(const ConnectionState& connection, Scarce scarce) {
  if (connection.stage == Stage::kCut) return false;
  if (scarce == Scarce::kConnections) return true;
  return connection.stage == Stage::kAnswering && connection.in_flight;
}

double age_s(const ConnectionState& connection, const Displacement& wanted) {
  return std::chrono::duration<double>(wanted.now - connection.since).count();
}

double rate(const ConnectionState& connection, const Displacement& wanted) {
  return static_cast<double>(connection.taken_bytes) / std::max(age_s(connection, wanted), 1e-9);
}

bool may_be_cut(const ConnectionState& connection, std::size_t share, const Displacement& wanted) {
  switch (connection.stage) {
    case Stage::kWaiting:
    case Stage::kLingering:
      return true;
    case Stage::kDeciding:
    case Stage::kCut:
      return false;
    case Stage::kAnswering:
      break;
  }
  if (wanted.now - connection.since < wanted.grace) return false;
  return share > 1 || rate(connection, wanted) < wanted.least_rate;
}

}  // namespace

std::optional<std::size_t> displaced_connection(std::span<const ConnectionState> connections,
                                                const Displacement& wanted) {
  std::map<std::string_view, std::size_t> shares{{wanted.newcomer, 1}};
  for (const ConnectionState& connection : connections) {
    if (takes_part(connection, wanted.scarce)) ++shares[connection.party];
  }
  // The greatest is cut. A connection that is not answered is worth less than one that is.
  using Rank = std::tuple<std::size_t, bool, bool, double>;
  std::optional<std::size_t> chosen;
  Rank highest;
  for (std::size_t i = 0; i < connections.size(); ++i) {
    const ConnectionState& connection = connections[i];
    if (!takes_part(connection, wanted.scarce)) continue;
    const std::size_t share = shares[connection.party];
    if (!may_be_cut(connection, share, wanted)) continue;
    const bool answering = connection.stage == Stage::kAnswering;
    const Rank rank{share, connection.party == wanted.newcomer, !answering,
                    answering ? -rate(connection, wanted) : age_s(connection, wanted)};
    if (chosen && rank <= highest) continue;
    chosen = i;
    highest = rank;
  }
  return chosen;
}

}  // namespace notch::agent
