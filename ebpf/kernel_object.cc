#include "ebpf/kernel_object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>

#include "ebpf/tracepoint_signature.h"

namespace notch::ebpf {
namespace {

constexpr std::size_t kIteratorChunk_bytes = 64 * 1024;

// libbpf's last complaint, as one line. It has one callback for the whole process, without a
// context; the agent is one thread (DM1), and the text is read right after the call that failed.
std::string& last_complaint() {
  static std::string complaint;
  return complaint;
}

int take_complaint(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char line[512];
  const int length = std::vsnprintf(line, sizeof line, format, arguments);
  const std::string_view text(
      line, std::min<std::size_t>(static_cast<std::size_t>(std::max(length, 0)), sizeof line - 1));
  std::string& complaint = last_complaint();
  // The first line says most. A verifier's log has many lines, and its last ones say what is wrong.
  if (complaint.empty()) complaint.assign(text.substr(0, text.find('\n')));
  return length;
}

struct btf* kernel_types() {
  static struct btf* const types = btf__load_vmlinux_btf();
  return libbpf_get_error(types) == 0 ? types : nullptr;
}

// "tp_btf/sched_switch" gives "sched_switch"; empty for a program of another kind.
std::string_view tracepoint_of(const bpf_program* program) {
  const std::string_view section = bpf_program__section_name(program);
  constexpr std::string_view kPrefix = "tp_btf/";
  return section.starts_with(kPrefix) ? section.substr(kPrefix.size()) : std::string_view();
}

Outcome failure(int error, const std::string& what) {
  std::string words = what + ": " + std::strerror(-error);
  if (error == -EPERM) words += "; it takes CAP_BPF and CAP_PERFMON";
  if (!last_complaint().empty()) words += " (" + last_complaint() + ")";
  // EACCES is the verifier's word about a program; only EPERM is about the caller's rights.
  return {error == -EPERM ? Refusal::kNotPermitted : Refusal::kRefused, words};
}

}  // namespace

struct KernelObject::Parts {
  struct Mapping {
    void* address = nullptr;
    std::size_t length = 0;
  };

  bpf_object* object = nullptr;
  std::string name;
  std::vector<std::pair<std::string, bpf_link*>> links;             // by program
  mutable std::map<std::pair<std::string, int>, Mapping> mappings;  // by map and protection

  Parts() = default;
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;
  ~Parts() {
    for (const auto& [map, mapping] : mappings) munmap(mapping.address, mapping.length);
    for (const auto& [program, link] : links) bpf_link__destroy(link);
    bpf_object__close(object);
  }
};

KernelObject::KernelObject() = default;
KernelObject::~KernelObject() = default;

Outcome KernelObject::open(const char* name, std::span<const unsigned char> bytes,
                           std::initializer_list<const char*> required) {
  libbpf_set_print(take_complaint);
  last_complaint().clear();
  if (kernel_types() == nullptr) {
    return {Refusal::kNoBtf, "the kernel does not tell its types (/sys/kernel/btf/vmlinux)"};
  }
  // Not by LIBBPF_OPTS, whose statement expression newer compilers refuse in C++.
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.object_name = name;
  auto parts = std::make_unique<Parts>();
  parts->name = name;
  parts->object = bpf_object__open_mem(bytes.data(), bytes.size(), &options);
  if (parts->object == nullptr) return failure(-errno, std::string(name) + " cannot be read");
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, parts->object) {
    const std::string tracepoint(tracepoint_of(program));
    if (tracepoint.empty() || has_tracepoint(tracepoint.c_str())) continue;
    bpf_program__set_autoload(program, false);
    for (const char* needed : required) {
      if (std::string_view(needed) != bpf_program__name(program)) continue;
      return {Refusal::kNoHook, "the kernel has no tracepoint " + tracepoint};
    }
  }
  parts_ = std::move(parts);
  return {};
}

void KernelObject::set_entries(const char* map, std::size_t entries) {
  bpf_map__set_max_entries(bpf_object__find_map_by_name(parts_->object, map),
                           static_cast<__u32>(entries));
}

void KernelObject::share_map(const char* map, const KernelObject& owner) {
  bpf_map__reuse_fd(bpf_object__find_map_by_name(parts_->object, map),
                    bpf_map__fd(bpf_object__find_map_by_name(owner.parts_->object, map)));
}

void KernelObject::leave_out(const char* program) {
  bpf_program__set_autoload(bpf_object__find_program_by_name(parts_->object, program), false);
}

void KernelObject::leave_out_map(const char* map) {
  bpf_map__set_autocreate(bpf_object__find_map_by_name(parts_->object, map), false);
}

void KernelObject::set_constants(const void* bytes, std::size_t size) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, parts_->object) {
    if (std::string_view(bpf_map__name(map)).ends_with(".rodata")) {
      bpf_map__set_initial_value(map, bytes, size);
    }
  }
}

Outcome KernelObject::run() {
  last_complaint().clear();
  if (const int error = bpf_object__load(parts_->object); error != 0) {
    return failure(error, parts_->name + " cannot be loaded");
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, parts_->object) {
    if (!bpf_program__autoload(program)) continue;
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) {
      return failure(-errno, std::string(bpf_program__name(program)) + " cannot be attached");
    }
    parts_->links.emplace_back(bpf_program__name(program), link);
  }
  return {};
}

std::span<std::byte> KernelObject::mapped(const char* map_name, int protection) const {
  if (parts_ == nullptr) return {};
  auto& mapping = parts_->mappings[{map_name, protection}];
  if (mapping.address == nullptr) {
    const bpf_map* map = bpf_object__find_map_by_name(parts_->object, map_name);
    if (map == nullptr || bpf_map__fd(map) < 0) return {};
    mapping.length = std::size_t{bpf_map__max_entries(map)} * bpf_map__value_size(map);
    void* address = mmap(nullptr, mapping.length, protection, MAP_SHARED, bpf_map__fd(map), 0);
    if (address == MAP_FAILED) return {};
    mapping.address = address;
  }
  return {static_cast<std::byte*>(mapping.address), mapping.length};
}

Outcome KernelObject::iterate(const char* program_name, std::vector<std::byte>& output) const {
  output.clear();
  const auto link = std::find_if(parts_->links.begin(), parts_->links.end(),
                                 [&](const auto& entry) { return entry.first == program_name; });
  if (link == parts_->links.end()) return {Refusal::kNoHook, "the iterator does not run"};
  last_complaint().clear();
  const int fd = bpf_iter_create(bpf_link__fd(link->second));
  if (fd < 0) return failure(-errno, std::string(program_name) + " cannot be started");
  Outcome outcome;
  for (;;) {
    const std::size_t before = output.size();
    output.resize(before + kIteratorChunk_bytes);
    const ssize_t got = read(fd, output.data() + before, kIteratorChunk_bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
      output.resize(before);
      continue;
    }
    if (got < 0) outcome = failure(-errno, std::string(program_name) + " broke off");
    output.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got <= 0) break;
  }
  close(fd);
  return outcome;
}

bool KernelObject::has_program(const char* program_name) const {
  if (parts_ == nullptr) return false;
  const bpf_program* program = bpf_object__find_program_by_name(parts_->object, program_name);
  return program != nullptr && bpf_program__autoload(program);
}

std::vector<KernelObject::Program> KernelObject::programs() const {
  std::vector<Program> loaded;
  if (parts_ == nullptr) return loaded;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, parts_->object) {
    const int descriptor = bpf_program__fd(program);
    if (descriptor >= 0) loaded.push_back({bpf_program__name(program), descriptor});
  }
  return loaded;
}

std::uint64_t KernelObject::missed_events() const {
  std::uint64_t missed = 0;
  for (const Program& program : programs()) {
    bpf_prog_info info{};
    __u32 length = sizeof info;
    if (bpf_obj_get_info_by_fd(program.descriptor, &info, &length) == 0)
      missed += info.recursion_misses;
  }
  return missed;
}

unsigned possible_processors() {
  const int count = libbpf_num_possible_cpus();
  return count > 0 ? static_cast<unsigned>(count) : 0;
}

bool has_tracepoint(const char* name) {
  return kernel_types() != nullptr && signature_of(*kernel_types(), name) != nullptr;
}

bool argument_is_pointer(const char* tracepoint, unsigned argument) {
  return kernel_types() != nullptr &&
         signature_has_pointer(*kernel_types(), signature_of(*kernel_types(), tracepoint),
                               argument);
}

}  // namespace notch::ebpf
