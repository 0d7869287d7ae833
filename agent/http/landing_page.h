// The page at "/": what this is, its version, and links. Called by: whoever wires the routes.
#pragma once

#include <string>
#include <vector>

#include "agent/http/http_message.h"

namespace notch::agent {

struct LandingLink {
  std::string path;
  std::string text;
};

// Plain HTML without scripts or styles from elsewhere; every string is escaped.
Response landing_page(const std::string& name, const std::string& version,
                      const std::string& description, const std::vector<LandingLink>& links);

}  // namespace notch::agent
