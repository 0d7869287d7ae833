#include "client/examples/otlp/exporter.h"

#include <thread>

namespace otlp_demo {
namespace {

constexpr std::chrono::milliseconds kAttemptPatience{500};

}  // namespace

void Exporter::run(SpanQueue& queue) {
  for (;;) {
    const std::vector<Span> batch = queue.take_batch();
    if (batch.empty()) break;
    metrics_.queue_size(queue.size());
    if (time_is_over()) {
      metrics_.spans_refused(ExportError::kShutdown, batch.size());
    } else {
      deliver(batch);
    }
  }
  metrics_.queue_size(0);
}

void Exporter::deliver(std::span<const Span> batch) {
  metrics_.batch_begun(batch.size());
  for (std::size_t i = 0; i < rules_.attempts && !(i > 0 && time_is_over()); ++i) {
    const double jitter = std::uniform_real_distribution<>(0, 1)(random_);
    std::this_thread::sleep_for(backoff(rules_, i, jitter));
    const Clock::time_point begun = Clock::now();
    const TcpStream::Failure failure = attempt(batch);
    const std::chrono::duration<double> took = Clock::now() - begun;
    metrics_.attempt_ended(took.count(), batch.front());
    if (!failure) return metrics_.spans_exported(Status::kSuccess, batch.size());
    metrics_.spans_refused(*failure, batch.size());
  }
  metrics_.spans_exported(Status::kFailure, batch.size());
}

TcpStream::Failure Exporter::attempt(std::span<const Span> batch) {
  const Clock::time_point deadline = Clock::now() + kAttemptPatience;
  if (!stream_.is_open()) {
    if (const auto failure = stream_.connect(port_, deadline)) return failure;
  }
  if (const auto failure = stream_.send(request_frame(++batch_id_, batch), deadline)) {
    return failure;
  }
  return await_reply(deadline);
}

TcpStream::Failure Exporter::await_reply(Clock::time_point deadline) {
  FrameReader reader;
  std::optional<Bytes> payload;
  while (!(payload = reader.next())) {
    if (reader.broken()) break;
    if (const auto failure = stream_.receive(reader, deadline)) return failure;
  }
  const std::optional<Reply> reply = payload ? parse_reply(*payload) : std::nullopt;
  if (!reply || reply->batch_id != batch_id_) {
    // What else comes on this connection belongs to nobody knows which batch.
    stream_.close();
    return ExportError::kBadReply;
  }
  if (reply->answer == Answer::kRejected) return ExportError::kRejected;
  return {};
}

}  // namespace otlp_demo
