#include "agent/expose/gzip_body.h"

#include <libdeflate.h>

#include <algorithm>
#include <memory>

namespace notch::agent {
namespace {

struct FreeCompressor {
  void operator()(libdeflate_compressor* compressor) const noexcept {
    libdeflate_free_compressor(compressor);
  }
};

}  // namespace

std::optional<Body> gzip_body(const Body& body, const GzipOptions& options) {
  if (body.size() < options.smallest_bytes) return std::nullopt;
  const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(
      libdeflate_alloc_compressor(std::clamp(options.level, 1, 12)));
  if (!compressor) return std::nullopt;
  // Reserving the body's own size costs no memory: pages that stay untouched are never there.
  BodyWriter out;
  const std::size_t room = body.size();
  char* to = out.reserve(room);
  const std::size_t bytes =
      libdeflate_gzip_compress(compressor.get(), body.bytes().data(), body.size(), to, room);
  if (bytes == 0) return std::nullopt;
  out.commit(to + bytes);
  return out.finish();
}

}  // namespace notch::agent
