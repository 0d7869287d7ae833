#include "tests/client/segment_totals.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace notch::test {
namespace {

class SegmentBytes {
 public:
  explicit SegmentBytes(const std::string& path)
      : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    expect(fd_ >= 0, "cannot be opened");
  }
  SegmentBytes(const SegmentBytes&) = delete;
  SegmentBytes& operator=(const SegmentBytes&) = delete;
  ~SegmentBytes() { ::close(fd_); }

  void expect(bool ok, const char* rule) const {
    if (!ok) throw std::runtime_error(path_ + ": " + rule);
  }
  std::vector<std::byte> read(std::uint64_t offset, std::uint64_t bytes) const {
    std::vector<std::byte> out(bytes);
    std::size_t got = 0;
    while (got < bytes) {
      const ssize_t n =
          ::pread(fd_, out.data() + got, bytes - got, static_cast<off_t>(offset + got));
      expect(n > 0, "is shorter than its header says");
      got += static_cast<std::size_t>(n);
    }
    return out;
  }

 private:
  std::string path_;
  int fd_;
};

template <class T>
T at(const std::vector<std::byte>& bytes, std::size_t offset) {
  if (offset > bytes.size() || sizeof(T) > bytes.size() - offset)
    throw std::runtime_error("a record ends behind the catalogue");
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// The cells, each column's, and how to add them up.
struct Values {
  std::vector<std::vector<std::uint64_t>> columns;  // those in use; [0] is column 0

  std::uint64_t integer(std::size_t cell) const {
    std::uint64_t sum = 0;
    for (const auto& column : columns) sum += column.at(cell);
    return sum;
  }
  double real(std::size_t cell) const {
    double sum = 0;
    for (const auto& column : columns) sum += std::bit_cast<double>(column.at(cell));
    return sum;
  }
};

Values read_values(const SegmentBytes& file, const shm::SegmentHeader& header) {
  Values values;
  for (std::uint32_t column = 0; column < header.column_capacity; ++column) {
    if ((header.column_bitmap[column / 64] >> (column % 64) & 1) == 0) continue;
    const std::uint64_t cells = header.cells_committed;
    const auto bytes =
        file.read(header.values_offset + column * header.column_stride, cells * shm::kCellBytes);
    std::vector<std::uint64_t> words(cells);
    std::memcpy(words.data(), bytes.data(), bytes.size());
    values.columns.push_back(std::move(words));
  }
  file.expect(!values.columns.empty(), "has no column");
  return values;
}

class CatalogueWalk {
 public:
  CatalogueWalk(const SegmentBytes& file, const shm::SegmentHeader& header, const Values& values)
      : file_(file),
        log_(file.read(header.catalogue_offset, header.catalogue_used)),
        values_(values) {}

  std::vector<SeriesTotals> series() {
    for (std::size_t offset = 0; offset < log_.size();) {
      const auto record = at<shm::RecordHeader>(log_, offset);
      file_.expect(record.bytes >= 8 && record.bytes % 8 == 0,
                   "a record's size is no multiple of 8");
      file_.expect(record.bytes <= log_.size() - offset, "a record ends behind the catalogue");
      take(static_cast<shm::RecordKind>(record.kind), offset);
      offset += record.bytes;
    }
    return std::move(series_);
  }

 private:
  void take(shm::RecordKind kind, std::size_t offset) {
    if (kind == shm::RecordKind::kFamily) {
      families_.push_back(at<shm::FamilyRecord>(log_, offset));
      file_.expect(families_.back().family == families_.size() - 1, "a family is out of order");
    } else if (kind == shm::RecordKind::kSeries) {
      take_series(at<shm::SeriesRecord>(log_, offset), offset + sizeof(shm::SeriesRecord));
    } else if (kind == shm::RecordKind::kChunk) {
      take_chunk(at<shm::ChunkRecord>(log_, offset));
    }
  }

  void take_series(const shm::SeriesRecord& record, std::size_t values) {
    file_.expect(record.series == series_.size(), "a series is out of order");
    const shm::FamilyRecord& family = families_.at(record.family);
    SeriesTotals totals;
    totals.family = text(family.name);
    totals.overflow = (record.flags & shm::kSeriesOverflow) != 0;
    totals.type = static_cast<shm::FamilyType>(family.type);
    for (std::uint32_t i = 0; i < record.label_count; ++i)
      totals.values.push_back(text(at<std::uint32_t>(log_, values + 4 * i)));
    for (std::uint32_t cell = record.first_cell; cell < record.first_cell + record.cell_count;
         ++cell) {
      totals.integers.push_back(values_.integer(cell));
      totals.reals.push_back(values_.real(cell));
      totals.column0.push_back(values_.columns[0].at(cell));
    }
    series_.push_back(std::move(totals));
  }

  void take_chunk(const shm::ChunkRecord& record) {
    SeriesTotals& totals = series_.at(record.series);
    auto& buckets = record.negative != 0 ? totals.negative : totals.positive;
    for (std::uint32_t i = 0; i < shm::kChunkBuckets; ++i) {
      const std::uint64_t count = values_.integer(record.first_cell + i);
      if (count != 0) buckets[record.chunk * 32 + static_cast<std::int32_t>(i)] += count;
    }
  }

  std::string text(std::uint32_t offset) const {
    if (offset == 0) return {};
    const auto record = at<shm::StringRecord>(log_, offset);
    std::string out;
    for (std::uint32_t i = 0; i < record.length; ++i)
      out += at<char>(log_, offset + sizeof record + i);
    return out;
  }

  const SegmentBytes& file_;
  std::vector<std::byte> log_;
  const Values& values_;
  std::vector<shm::FamilyRecord> families_;
  std::vector<SeriesTotals> series_;
};

template <class Sum>
auto total(const std::string& directory, const std::string& family, const Labels& values,
           Sum sum_of) {
  decltype(sum_of(SeriesTotals())) sum{};
  for (const SegmentTotals& segment : read_segments(directory))
    for (const SeriesTotals& series : segment.find(family, values)) sum += sum_of(series);
  return sum;
}

}  // namespace

double SeriesTotals::gauge() const {
  if (column0.at(0) == 0) throw std::runtime_error(family + " was never set");
  return std::bit_cast<double>(column0.at(0) ^ shm::kGaugeMask);
}

std::uint64_t SeriesTotals::observations() const {
  if (type == shm::FamilyType::kHistogram)
    return std::accumulate(integers.begin(), integers.end() - 1, std::uint64_t{0});
  std::uint64_t count = integers.at(0);
  for (const auto& [bucket, number] : positive) count += number;
  for (const auto& [bucket, number] : negative) count += number;
  return count;
}

double SeriesTotals::sum() const {
  return type == shm::FamilyType::kHistogram ? reals.back() : reals.at(1);
}

std::uint32_t SegmentTotals::columns_in_use() const {
  int count = 0;
  for (const std::uint64_t word : header.column_bitmap) count += std::popcount(word);
  return static_cast<std::uint32_t>(count);
}

std::vector<SeriesTotals> SegmentTotals::find(const std::string& family,
                                              const Labels& values) const {
  std::vector<SeriesTotals> found;
  std::copy_if(series.begin(), series.end(), std::back_inserter(found), [&](const auto& one) {
    return one.family == family && one.values == values && !one.overflow;
  });
  return found;
}

SegmentTotals read_segment(const std::string& path) {
  const SegmentBytes file(path);
  SegmentTotals totals;
  totals.path = path;
  std::memcpy(&totals.header, file.read(0, shm::kHeaderBytes).data(), shm::kHeaderBytes);
  file.expect(totals.header.magic == shm::kMagic, "has no magic");
  const Values values = read_values(file, totals.header);
  totals.series = CatalogueWalk(file, totals.header, values).series();
  for (std::size_t cell = 0; cell < shm::kFirstFreeCell; ++cell) {
    totals.null_integers.push_back(values.integer(cell));
    totals.null_reals.push_back(values.real(cell));
    totals.null_column0.push_back(values.columns[0].at(cell));
  }
  const auto ring =
      file.read(totals.header.exemplar_offset, shm::kExemplarSlots * sizeof(shm::ExemplarSlot));
  totals.exemplars.resize(shm::kExemplarSlots);
  std::memcpy(totals.exemplars.data(), ring.data(), ring.size());
  return totals;
}

std::vector<SegmentTotals> read_segments(const std::string& directory) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name[0] != '.' && name.ends_with(".notch")) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<SegmentTotals> segments;
  for (const std::string& path : paths) segments.push_back(read_segment(path));
  return segments;
}

std::uint64_t integer_total(const std::string& directory, const std::string& family,
                            const Labels& values) {
  return total(directory, family, values, [](const auto& series) {
    return series.integers.empty() ? std::uint64_t{0} : series.integers[0];
  });
}

double real_total(const std::string& directory, const std::string& family, const Labels& values) {
  return total(directory, family, values,
               [](const auto& series) { return series.reals.empty() ? 0.0 : series.reals[0]; });
}

std::uint64_t observation_total(const std::string& directory, const std::string& family,
                                const Labels& values) {
  return total(directory, family, values, [](const auto& series) {
    return series.integers.empty() ? std::uint64_t{0} : series.observations();
  });
}

double observed_sum_total(const std::string& directory, const std::string& family,
                          const Labels& values) {
  return total(directory, family, values,
               [](const auto& series) { return series.integers.empty() ? 0.0 : series.sum(); });
}

}  // namespace notch::test
