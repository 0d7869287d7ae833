#include "agent/expose/scrape.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace notch::agent {
namespace {

// Each with its length: a name may hold whatever a request can say.
std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += std::to_string(name.size()) + ":" + name;
  return text;
}

}  // namespace

Scrape::Scrape(std::vector<Collector> collectors, ScrapeOptions options)
    : collectors_(std::move(collectors)), options_(options) {}

ExpositionStats Scrape::stats() const {
  ExpositionStats stats = stats_;
  stats.held_page_bytes = pages_.held_bytes();
  return stats;
}

// False if nothing has this name.
bool Scrape::mark(const std::string& name, bool wanted, Selection& selection) const {
  for (std::size_t i = 0; i < collectors_.size(); ++i) {
    std::vector<bool>& parts = selection.collectors[i];
    if (collectors_[i].name == name) {
      parts.assign(parts.size(), wanted);
      return true;
    }
    const auto part = std::ranges::find(collectors_[i].parts, name);
    if (part == collectors_[i].parts.end()) continue;
    parts[static_cast<std::size_t>(part - collectors_[i].parts.begin())] = wanted;
    return true;
  }
  return false;
}

Scrape::Selection Scrape::select(const Request& request) const {
  const std::vector<std::string> only = request.query_values("collect[]");
  const std::vector<std::string> without = request.query_values("exclude[]");
  Selection selection;
  if (!only.empty() && !without.empty()) {
    selection.error = "collect[] and exclude[] cannot be used together\n";
    return selection;
  }
  for (const Collector& collector : collectors_) {
    selection.collectors.emplace_back(std::max<std::size_t>(collector.parts.size(), 1),
                                      only.empty());
  }
  for (const std::string& name : only.empty() ? without : only) {
    if (mark(name, !only.empty(), selection)) continue;
    selection.error = "no such collector: " + name.substr(0, 80) + "; there are:";
    for (const Collector& collector : collectors_) {
      selection.error += " " + collector.name;
      for (const std::string& part : collector.parts) selection.error += " " + part;
    }
    selection.error += "\n";
    return selection;
  }
  selection.names = request.query_values("name[]");
  std::sort(selection.names.begin(), selection.names.end());
  selection.names.erase(std::unique(selection.names.begin(), selection.names.end()),
                        selection.names.end());
  return selection;
}

std::vector<Snapshot> Scrape::gather(const Selection& selection) const {
  std::vector<Snapshot> sources;
  for (std::size_t i = 0; i < collectors_.size(); ++i) {
    const std::vector<bool>& wanted = selection.collectors[i];
    if (std::ranges::find(wanted, true) == wanted.end()) continue;
    sources.push_back(collectors_[i].gather_parts ? collectors_[i].gather_parts(wanted)
                                                  : collectors_[i].gather());
  }
  return sources;
}

std::shared_ptr<const SentPage> Scrape::page_for(Selection&& selection, const Negotiated& wanted) {
  std::string key = std::to_string(static_cast<int>(wanted.format)) + (wanted.gzip ? "z" : "p");
  for (const std::vector<bool>& parts : selection.collectors) {
    for (const bool taken : parts) key.push_back(taken ? '1' : '0');
  }
  key += joined(selection.names);
  const auto now = std::chrono::steady_clock::now();
  if (auto page = pages_.find(key, now)) {
    ++stats_.shared_scrapes;
    return page;
  }
  if (options_.max_held_bytes != 0 && pages_.held_bytes() >= options_.max_held_bytes)
    return nullptr;
  MadePage made =
      make_page(gather(selection), {std::move(selection.names), wanted.format, wanted.gzip},
                options_.gzip, spare_);
  count(made);
  auto page = pages_.keep(key, std::move(made.body), std::move(made.content_encoding), now);
  if (on_page) {
    on_page(std::chrono::duration<double>(std::chrono::steady_clock::now() - now).count());
  }
  return page;
}

void Scrape::count(const MadePage& made) {
  for (const DroppedFamily& dropped : made.dropped) {
    ++stats_.dropped_families[merge_drop_name(dropped.reason)];
  }
  stats_.dropped_rows += made.counts.dropped_rows;
  stats_.dropped_exemplars += made.counts.dropped_exemplars;
}

Response Scrape::respond(const Request& request) {
  Selection selection = select(request);
  if (!selection.error.empty()) return text_response(400, selection.error);
  const Negotiated wanted = negotiate(request.accept, request.accept_encoding);
  const std::shared_ptr<const SentPage> page = page_for(std::move(selection), wanted);
  if (page == nullptr) {
    Response refusal =
        busy_response("No memory for another page while others are being read (" +
                      std::to_string(options_.max_held_bytes) + " bytes), try again later.\n");
    refusal.no_memory = true;
    return refusal;
  }
  Response response;
  response.content_type = content_type(wanted.format, wanted.escaping);
  response.content_encoding = page->content_encoding;
  response.headers.emplace_back("Vary", kVary);
  if (!page->body.empty()) response.body.push_back({page, page->body.bytes()});
  return response;
}

}  // namespace notch::agent
