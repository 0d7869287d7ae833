// Reads a YAML mapping key by key and refuses what nobody asked for. Called by: web_config.
//
// Invariants
//   SY1  Every error is a YamlError whose text names file, line and key: "FILE:LINE: KEY: rule".
//   SY2  finish() fails on a key that was never asked for, so a misspelt one cannot pass in silence,
//        and before any that is missing, which may be the same one.
#pragma once

#include <yaml-cpp/yaml.h>

#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace notch::agent {

// Never leaves the component that reads the file.
class YamlError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class StrictYaml {
 public:
  // The document in `text`; an empty one is an empty mapping. `file` is for messages only.
  static StrictYaml parse(const std::string& text, const std::string& file);

  // Absent and null are the same: "", `fallback`, {}, nullopt.
  std::string string(const std::string& key);
  bool boolean(const std::string& key, bool fallback);
  std::vector<std::string> strings(const std::string& key);
  std::map<std::string, std::string> string_map(const std::string& key);
  std::optional<StrictYaml> section(const std::string& key);

  // One of `choices`, or "" if absent.
  std::string choice(const std::string& key, const std::vector<std::string>& choices);

  // Says that a key is missing or needs another: finish() fails on the first of them.
  void lack(const std::string& key, const std::string& rule);

  void finish() const;

  [[noreturn]] void fail(const std::string& key, const std::string& rule) const;

 private:
  StrictYaml(YAML::Node node, std::string file, std::string prefix);

  YAML::Node take(const std::string& key);
  std::string scalar(const YAML::Node& node, const std::string& key) const;
  [[noreturn]] void fail_at(const YAML::Node& node, const std::string& key,
                            const std::string& rule) const;

  // Set by the constructor, constant after.
  YAML::Node node_;
  std::string file_;
  std::string prefix_;  // "tls_server_config.", empty at the top

  std::set<std::string> taken_;
  std::string lacking_key_;  // empty: none
  std::string lacking_rule_;
};

}  // namespace notch::agent
