#include "agent/http/strict_yaml.h"

#include <algorithm>
#include <utility>

namespace notch::agent {
namespace {

std::string place(const std::string& file, const YAML::Mark& mark) {
  return mark.line < 0 ? file : file + ":" + std::to_string(mark.line + 1);
}

bool empty(const YAML::Node& node) {
  return !node.IsDefined() || node.IsNull();
}

}  // namespace

StrictYaml StrictYaml::parse(const std::string& text, const std::string& file) {
  try {
    return StrictYaml(YAML::Load(text), file, "");
  } catch (const YAML::Exception& error) {
    throw YamlError(place(file, error.mark) + ": not YAML: " + error.msg);
  }
}

StrictYaml::StrictYaml(YAML::Node node, std::string file, std::string prefix)
    : node_(std::move(node)), file_(std::move(file)), prefix_(std::move(prefix)) {
  if (empty(node_)) return;
  if (!node_.IsMap()) {
    const std::string name = prefix_.empty() ? "the document" : prefix_;
    fail_at(node_, name.ends_with('.') ? name.substr(0, name.size() - 1) : name,
            "must be a mapping");
  }
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    const std::string key = scalar(entry.first, prefix_ + "key");
    if (!seen.insert(key).second) fail_at(entry.first, prefix_ + key, "given twice");
  }
}

std::string StrictYaml::string(const std::string& key) {
  const YAML::Node node = take(key);
  return empty(node) ? "" : scalar(node, prefix_ + key);
}

bool StrictYaml::boolean(const std::string& key, bool fallback) {
  const YAML::Node node = take(key);
  if (empty(node)) return fallback;
  bool value = fallback;
  if (!node.IsScalar() || !YAML::convert<bool>::decode(node, value)) {
    fail_at(node, prefix_ + key, "must be true or false");
  }
  return value;
}

std::vector<std::string> StrictYaml::strings(const std::string& key) {
  const YAML::Node node = take(key);
  std::vector<std::string> values;
  if (empty(node)) return values;
  if (!node.IsSequence()) fail_at(node, prefix_ + key, "must be a list of strings");
  for (const auto& item : node) values.push_back(scalar(item, prefix_ + key));
  return values;
}

std::map<std::string, std::string> StrictYaml::string_map(const std::string& key) {
  std::map<std::string, std::string> values;
  std::optional<StrictYaml> entries = section(key);
  if (!entries || empty(entries->node_)) return values;
  for (const auto& entry : entries->node_) {
    const std::string name = entry.first.Scalar();
    values[name] = entries->string(name);
  }
  return values;
}

std::optional<StrictYaml> StrictYaml::section(const std::string& key) {
  const YAML::Node node = take(key);
  if (empty(node)) return std::nullopt;
  return StrictYaml(node, file_, prefix_ + key + ".");
}

std::string StrictYaml::choice(const std::string& key, const std::vector<std::string>& choices) {
  const std::string value = string(key);
  if (value.empty() || std::ranges::find(choices, value) != choices.end()) return value;
  std::string wanted;
  for (const std::string& one : choices) wanted += (wanted.empty() ? "" : ", ") + one;
  fail(key, "is \"" + value + "\", want one of " + wanted);
}

void StrictYaml::lack(const std::string& key, const std::string& rule) {
  if (!lacking_key_.empty()) return;
  lacking_key_ = key;
  lacking_rule_ = rule;
}

void StrictYaml::finish() const {
  if (!empty(node_)) {
    for (const auto& entry : node_) {
      const std::string key = entry.first.Scalar();
      if (!taken_.contains(key)) fail_at(entry.first, prefix_ + key, "unknown key");
    }
  }
  if (!lacking_key_.empty()) fail(lacking_key_, lacking_rule_);
}

void StrictYaml::fail(const std::string& key, const std::string& rule) const {
  if (!empty(node_)) {
    for (const auto& entry : node_) {
      if (entry.first.Scalar() == key) fail_at(entry.first, prefix_ + key, rule);
    }
  }
  fail_at(node_, prefix_ + key, rule);
}

YAML::Node StrictYaml::take(const std::string& key) {
  taken_.insert(key);
  if (empty(node_)) return YAML::Node(YAML::NodeType::Null);
  const YAML::Node& node = node_;  // operator[] of a const node does not add the key
  return node[key];
}

std::string StrictYaml::scalar(const YAML::Node& node, const std::string& key) const {
  if (!node.IsScalar()) fail_at(node, key, "must be a string");
  return node.Scalar();
}

void StrictYaml::fail_at(const YAML::Node& node, const std::string& key,
                         const std::string& rule) const {
  const YAML::Mark mark = node.IsDefined() ? node.Mark() : YAML::Mark::null_mark();
  throw YamlError(place(file_, mark) + ": " + key + ": " + rule);
}

}  // namespace notch::agent
