// A process that counts what it is told to, line by line on its standard input, and ends in order
// at the input's end. Called by: spoken_worker.py, which knows the same words.
//
// A line is KIND NAME HELP VALUE[@EXEMPLAR] [LABEL=HEX_OF_THE_VALUE]..., with tabs between; an
// exemplar is its trace id and its span id in hex, without a gap. The answer is "ok", or the rule
// that the definition broke. exec PROGRAM [ARGUMENT]... becomes that program.
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "notch/exemplar.h"
#include "notch/registry.h"

namespace {

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> parts(1);
  for (const char c : line) {
    if (c == '\t') {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

std::string unhex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    bytes.push_back(static_cast<char>(value));
  }
  return bytes;
}

// One metric and what is done to it.
struct Order {
  std::string kind;
  notch::Metric metric;
  double value = 0;
  std::optional<notch::Exemplar> exemplar;
  std::vector<std::string_view> label_values;
};

// Without an exemplar in most of the lines.
template <class Act>
void act_on(const Order& order, Act act) {
  if (order.exemplar) {
    act(*order.exemplar);
  } else {
    act();
  }
}

std::optional<notch::Exemplar> exemplar_in(std::string_view value) {
  const std::size_t mark = value.find('@');
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string ids = unhex(value.substr(mark + 1));
  if (ids.size() != 24) return std::nullopt;
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(ids.data());
  return notch::Exemplar(std::span<const std::uint8_t, 16>(bytes, 16),
                         std::span<const std::uint8_t, 8>(bytes + 16, 8));
}

notch::Status carry_out(const Order& order) {
  notch::Status status;
  if (order.kind == "counter") {
    const auto family = notch::counter_family(order.metric, &status);
    auto counter = family.with(order.label_values);
    act_on(order, [&](const auto&... exemplar) {
      counter.add(static_cast<std::uint64_t>(order.value), exemplar...);
    });
  } else if (order.kind == "gauge") {
    const auto family = notch::gauge_family(order.metric, notch::GaugeMode::kSum, &status);
    family.with(order.label_values).set(order.value);
  } else if (order.kind == "float_counter") {
    const auto family = notch::float_counter_family(order.metric, &status);
    family.with(order.label_values).add(order.value);
  } else if (order.kind == "histogram" || order.kind == "other_histogram") {
    const auto buckets =
        order.kind == "histogram" ? notch::Buckets({0.5, 1, 2.5}) : notch::Buckets({1, 2, 4});
    const auto family = notch::histogram_family(order.metric, buckets, &status);
    auto histogram = family.with(order.label_values);
    act_on(order, [&](const auto&... exemplar) { histogram.observe(order.value, exemplar...); });
  } else {
    const auto family = notch::native_histogram_family(order.metric, {}, &status);
    auto histogram = family.with(order.label_values);
    act_on(order, [&](const auto&... exemplar) { histogram.observe(order.value, exemplar...); });
  }
  return status;
}

void become(std::vector<std::string> parts) {
  std::vector<char*> arguments;
  for (std::size_t i = 1; i < parts.size(); ++i) arguments.push_back(parts[i].data());
  arguments.push_back(nullptr);
  ::execv(arguments[0], arguments.data());
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const std::vector<std::string> parts = split(line);
    if (parts.size() > 1 && parts[0] == "exec") {
      become(parts);
      return 3;
    }
    if (parts.size() < 4) return 2;
    Order order{parts[0],
                {.name = parts[1], .help = parts[2]},
                std::atof(parts[3].c_str()),
                exemplar_in(parts[3]),
                {}};
    std::vector<std::string> values;
    for (std::size_t i = 4; i < parts.size(); ++i) {
      const std::string_view part = parts[i];
      order.metric.labels.push_back(part.substr(0, part.find('=')));
      values.push_back(unhex(part.substr(part.find('=') + 1)));
    }
    for (const std::string& value : values) order.label_values.emplace_back(value);
    const notch::Status status = carry_out(order);
    std::cout << (status.ok() ? "ok" : status.message()) << std::endl;
  }
  return 0;
}
