// A probe's sums for each service, over all the slots that the service has had.
// Called by: probes (who has which slot), the probes that count by service.
//
// Invariants
//   SV1  The agent writes nothing to the rows in which the programs count. The service's part is the
//        slot's row less the row's values when the service got the slot; its earlier sums are kept with
//        its name.
//   SV2  A service's sums never fall until it is forgotten, and no count is in two services' sums.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ebpf/counter_rows.h"
#include "ebpf/kernel_object.h"
#include "ebpf/new_names.h"
#include "ebpf/service_table.h"

namespace notch::ebpf {

// Arithmetic on rows of u64s, word by word, modulo 2^64.
template <class Row>
Row row_difference(const Row& from, const Row& less) {
  using Words = std::array<std::uint64_t, sizeof(Row) / sizeof(std::uint64_t)>;
  auto words = std::bit_cast<Words>(from);
  const auto taken = std::bit_cast<Words>(less);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] -= taken[i];
  return std::bit_cast<Row>(words);
}

class ServiceSums {
 public:
  virtual ~ServiceSums() = default;

  // The slot is the service's from now on. REQUIRES: no task counts in it.
  virtual void given(std::size_t slot, const std::string& service) = 0;
  // The slot is not the service's any more. REQUIRES: no task counts in it.
  virtual void taken_back(std::size_t slot, const std::string& service) = 0;
  // The service, which has no slot, is not shown any more.
  virtual void forget(const std::string& service) = 0;
  // Services without a slot are shown under these names from now on.
  virtual void rename(const NewNames& names) = 0;
};

// The same over slots, whose rows the caller gives.
template <class Row>
class SlotSums {
 public:
  void given(std::size_t slot, const std::string& service, const Row& now) {
    const auto kept = kept_.find(service);
    before_[slot] = kept == kept_.end() ? now : row_difference(now, kept->second);
    if (kept != kept_.end()) kept_.erase(kept);
  }
  void taken_back(std::size_t slot, const std::string& service, const Row& now) {
    kept_[service] = of(slot, now);
    before_[slot] = now;
  }
  void forget(const std::string& service) { kept_.erase(service); }
  void rename(const NewNames& names) { rename_services(names, kept_); }

  Row of(std::size_t slot, const Row& now) const { return row_difference(now, before_[slot]); }
  const std::map<std::string, Row>& kept() const { return kept_; }  // of services without a slot

 private:
  std::vector<Row> before_ = std::vector<Row>(NOTCH_SERVICE_SLOTS);
  std::map<std::string, Row> kept_;
};

// The sums over a probe's map `rows`, which has a row for each processor and service.
template <class Row>
class ServiceRows final : public ServiceSums {
 public:
  explicit ServiceRows(const KernelObject& object) : object_(object) {}

  void given(std::size_t slot, const std::string& service) override {
    sums_.given(slot, service, now(slot));
  }
  void taken_back(std::size_t slot, const std::string& service) override {
    sums_.taken_back(slot, service, now(slot));
  }
  void forget(const std::string& service) override { sums_.forget(service); }
  void rename(const NewNames& names) override { sums_.rename(names); }

  // Calls use(service, row) once for each service. Cost: reads the map.
  template <class Use>
  void for_each(const ServiceTable& services, Use use) const {
    for (std::size_t slot = 0; slot < NOTCH_SERVICE_SLOTS; ++slot) {
      const std::string& service = services.name_of(slot);
      if (!service.empty()) use(service, sums_.of(slot, now(slot)));
    }
    for (const auto& [service, row] : sums_.kept()) use(service, row);
  }

 private:
  Row now(std::size_t slot) const { return sum_of_service(object_.values<Row>("rows"), slot); }

  const KernelObject& object_;
  SlotSums<Row> sums_;
};

}  // namespace notch::ebpf
