#include "shm/process_identity.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shm/descriptor.h"
#include "shm/kernel_identity.h"

namespace notch::shm {
namespace {

// Reads a small file of /proc whole; returns its length, 0 if it cannot.
std::size_t read_small_file(const char* path, char* out, std::size_t size) noexcept {
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return 0;
  const ssize_t got = ::read(file.get(), out, size - 1);
  const std::size_t length = got > 0 ? static_cast<std::size_t>(got) : 0;
  out[length] = '\0';
  return length;
}

// "f81d4fae-7dec-11d0-a765-00a0c91e6bf6" to 16 bytes.
void parse_uuid(const char* text, std::uint8_t* out) noexcept {
  std::size_t digits = 0;
  for (; *text != '\0' && digits < 32; ++text) {
    const char c = *text;
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (value < 0) continue;
    const int high = digits % 2 == 0 ? value << 4 : out[digits / 2] | value;
    out[digits / 2] = static_cast<std::uint8_t>(high);
    ++digits;
  }
}

// The number a run of digits says.
std::uint64_t decimal(const char* digit) noexcept {
  std::uint64_t value = 0;
  for (; *digit >= '0' && *digit <= '9'; ++digit)
    value = value * 10 + static_cast<std::uint64_t>(*digit - '0');
  return value;
}

// The link says "pid:[4026531836]", the namespace's inode; to read it costs less than to follow it.
std::uint64_t pid_namespace() noexcept {
  char link[64];
  const ssize_t length = readlink("/proc/self/ns/pid", link, sizeof link - 1);
  link[length > 0 ? length : 0] = '\0';
  const char* const bracket = strchr(link, '[');
  return bracket == nullptr ? 0 : decimal(bracket + 1);
}

// Field 22 of /proc/self/stat. The second field is the command in brackets and may hold anything.
std::uint64_t start_time_ticks() noexcept {
  char stat[1024];
  if (read_small_file("/proc/self/stat", stat, sizeof stat) == 0) return 0;
  const char* field = strrchr(stat, ')');
  if (field == nullptr) return 0;
  for (int number = 2; number < 22 && field != nullptr; ++number) {
    field = strchr(field + 1, ' ');
  }
  return field == nullptr ? 0 : decimal(field + 1);
}

}  // namespace

char* write_decimal(char* out, std::uint64_t value) noexcept {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count > 0) *out++ = digits[--count];
  return out;
}

void describe_process(SegmentHeader& header) noexcept {
  header.pid = kernel_pid();
  header.start_time_ticks = start_time_ticks();
  header.pid_namespace = pid_namespace();
  const ssize_t length = readlink("/proc/self/exe", header.executable, kExecutableBytes - 1);
  header.executable[length > 0 ? length : 0] = '\0';
  // By a call: to read the clock without one costs two page faults when it is the first time.
  timespec now{};
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  header.created_unix_ns = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
                           static_cast<std::uint64_t>(now.tv_nsec);
  if (!kernel_random(header.segment_id, sizeof header.segment_id)) {
    memcpy(header.segment_id, &header.created_unix_ns, sizeof header.created_unix_ns);
  }
}

void describe_boot(SegmentHeader& header) noexcept {
  char boot[64];
  if (read_small_file("/proc/sys/kernel/random/boot_id", boot, sizeof boot) != 0) {
    parse_uuid(boot, header.boot_id);
  }
}

}  // namespace notch::shm
