// The committed objects for other kernels: each field access is relocated to where those kernels'
// types, made here, have the field, in the shape they have it in.
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/scratch_directory.h"

namespace notch::ebpf {
namespace {

struct Field {
  const char* name;
  int type;
  int offset;
};

// A kernel's types, as far as one object reads them.
class KernelTypes {
 public:
  KernelTypes() : types_(btf__new_empty(), btf__free) {}

  int number(const char* name, unsigned bytes) {
    return btf__add_int(types_.get(), name, bytes, bytes == 8 ? 0 : BTF_INT_SIGNED);
  }
  int structure(const char* name, std::initializer_list<Field> fields) {
    const int id = btf__add_struct(types_.get(), name, 0x4000);
    for (const Field& field : fields) {
      btf__add_field(types_.get(), field.name, field.type, static_cast<__u32>(field.offset) * 8, 0);
    }
    return id;
  }
  int pointer(int type) { return btf__add_ptr(types_.get(), type); }

  std::string write_to(const std::string& folder) const {
    __u32 size = 0;
    const void* bytes = btf__raw_data(types_.get(), &size);
    const std::string path = folder + "/types.btf";
    std::ofstream(path, std::ios::binary).write(static_cast<const char*>(bytes), size);
    return path;
  }

 private:
  std::unique_ptr<btf, void (*)(btf*)> types_;
};

int silent(enum libbpf_print_level, const char*, va_list) {
  return 0;
}

// Offsets and constants in the program's instructions once it is relocated. The running kernel may
// refuse to load what was relocated for another one; the instructions are there all the same.
std::vector<int> relocated(const char* object_name, const char* program_name,
                           const KernelTypes& types) {
  libbpf_set_print(silent);
  const notch::testing::ScratchDirectory folder;
  const std::string path = types.write_to(folder.path());
  const std::string object_path =
      std::string(NOTCH_SOURCE_DIR "/ebpf/objects/") + object_name + ".bpf.o";
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.btf_custom_path = path.c_str();
  bpf_object* object = bpf_object__open_file(object_path.c_str(), &options);
  if (object == nullptr) return {};
  bpf_object__load(object);
  const bpf_program* program = bpf_object__find_program_by_name(object, program_name);
  std::vector<int> numbers;
  for (std::size_t i = 0; i < bpf_program__insn_cnt(program); ++i) {
    numbers.push_back(bpf_program__insns(program)[i].off);
    numbers.push_back(bpf_program__insns(program)[i].imm);
  }
  bpf_object__close(object);
  return numbers;
}

bool has(const std::vector<int>& numbers, int wanted) {
  return std::ranges::find(numbers, wanted) != numbers.end();
}

class Relocation : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "libbpf relocates only what it may load: it is root's";
  }
};

constexpr int kMajor = 0x0110;
constexpr int kFirstMinor = 0x0118;
constexpr int kDisk = 0x1230;

TEST_F(Relocation, FindsTheDiskOfARequestBeforeLinux5_17) {
  KernelTypes types;
  const int number = types.number("int", 4);
  const int word = types.number("long long", 8);
  const int disk = types.pointer(types.structure(
      "gendisk", {{"major", number, kMajor}, {"first_minor", number, kFirstMinor}}));
  const int queue = types.pointer(types.structure("request_queue", {{"absent", number, 0}}));
  types.structure("request", {{"q", queue, 0x10},
                              {"cmd_flags", number, 0x20},
                              {"__data_len", number, 0x24},
                              {"start_time_ns", word, 0x28},
                              {"rq_disk", disk, kDisk}});
  const std::vector<int> numbers = relocated("block", "block_rq_complete", types);
  EXPECT_TRUE(has(numbers, kDisk));
  EXPECT_TRUE(has(numbers, kMajor));
  EXPECT_TRUE(has(numbers, kFirstMinor));
}

TEST_F(Relocation, FindsTheDiskOfAQueueSince) {
  KernelTypes types;
  const int number = types.number("int", 4);
  const int word = types.number("long long", 8);
  const int disk = types.pointer(types.structure(
      "gendisk", {{"major", number, kMajor}, {"first_minor", number, kFirstMinor}}));
  const int queue = types.pointer(types.structure("request_queue", {{"disk", disk, kDisk}}));
  types.structure("request", {{"q", queue, 0x0330},
                              {"cmd_flags", number, 0x20},
                              {"__data_len", number, 0x24},
                              {"start_time_ns", word, 0x28}});
  const std::vector<int> numbers = relocated("block", "block_rq_complete", types);
  EXPECT_TRUE(has(numbers, kDisk));
  EXPECT_TRUE(has(numbers, 0x0330));
}

TEST_F(Relocation, FindsARunQueuesClockWhereverItIs) {
  for (const int clock : {0x0768, 0x09a8}) {
    KernelTypes types;
    const int number = types.number("int", 4);
    const int word = types.number("long long", 8);
    const int queue = types.pointer(types.structure("rq", {{"clock", word, clock}}));
    const int fair = types.pointer(types.structure("cfs_rq", {{"rq", queue, 0x0118}}));
    const int entity = types.structure("sched_entity", {{"cfs_rq", fair, 0x00a8}});
    const int info = types.structure("sched_info", {{"last_queued", word, 0x18}});
    types.structure(
        "task_struct",
        {{"se", entity, 0x0080}, {"sched_info", info, 0x4480}, {"tgid", number, 0x0994}});
    const std::vector<int> numbers = relocated("runqueue", "sched_switch", types);
    for (const int wanted : {clock, 0x0118, 0x0080 + 0x00a8, 0x4480 + 0x18, 0x0994}) {
      EXPECT_TRUE(has(numbers, wanted)) << wanted;
    }
  }
}

}  // namespace
}  // namespace notch::ebpf
