// What C++ makes of new and delete: each is a call of malloc, free or aligned_alloc of libstdc++'s.
// Called by: malloc_test.py. It says how often it used each, and the bytes.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

struct alignas(128) Wide {
  char bytes[128];
};

// A constructor that runs before main(), with the preloaded library in place.
static const std::string early(1000, 'e');

int main(int argc, char**) {
  const bool works = argc > 1;
  const unsigned rounds = works ? 1000 : 0;
  for (unsigned i = 0; i < rounds; ++i) {
    std::vector<char> vector(i + 1);
    vector.back() = static_cast<char>(i);
    auto shared = std::make_unique<char[]>(100);
    Wide* wide = new Wide;
    asm volatile("" : "+r"(wide));  // it is not left out
    if (vector[i] != static_cast<char>(i)) return 1;
    delete wide;
    shared[0] = vector[0];
  }
  bool refused = false;
  try {
    if (works) ::operator delete(::operator new (~std::size_t{0} / 2 - 4096));
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  if (refused != works) return 1;
  // malloc: calls, bytes, refused; aligned: calls, bytes.
  std::printf("%u %u %d %u %u\n", 2 * rounds, rounds * (rounds + 1) / 2 + rounds * 100,
              refused ? 1 : 0, rounds, rounds * 128);
  return early.size() == 1000 ? 0 : 1;
}
