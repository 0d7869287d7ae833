// The segment's bytes, as plain structs: every field a reader or a writer of a segment file needs.
// FORMAT.md is the same in words; tests/shm/format_document_test.cc holds the two together.
// Called by: segment_file, client/catalogue (writer's side), segment_reader (reader's side).
//
// Invariants
//   LY1  Every field keeps its offset, width and meaning within one major version.
//   LY2  All integers are in the writer's native byte order, told by `byte_order`.
//   LY3  A byte that no field below names is zero, and a reader ignores it.
//   LY4  A cell's value is the sum of that cell over all columns whose bit is set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace notch::shm {

inline constexpr std::uint64_t kMagic = 0x4745534843544f4eULL;  // "NOTCHSEG", little-endian
inline constexpr std::uint16_t kMajorVersion = 1;
inline constexpr std::uint16_t kMinorVersion = 1;
inline constexpr std::uint32_t kByteOrder = 0x01020304;

inline constexpr std::size_t kHeaderBytes = 4096;
inline constexpr std::size_t kPageBytes = 4096;
inline constexpr std::size_t kCellBytes = 8;
inline constexpr std::size_t kMaxColumns = 1024;  // column 0 and one per id below 1023
inline constexpr std::size_t kColumnBitmapWords = kMaxColumns / 64;
inline constexpr std::size_t kDropReasons = 32;
inline constexpr std::size_t kServiceBytes = 128;
inline constexpr std::size_t kExecutableBytes = 256;
inline constexpr std::size_t kLineageKeyBytes = 16;

// Cells 0 to 2 take the numbers added or set through null handles: integers, doubles, gauges. In cells
// 3 to 7 the writer keeps counts that wait for their bucket.
inline constexpr std::uint32_t kNullIntegerCell = 0;
inline constexpr std::uint32_t kNullFloatCell = 1;
inline constexpr std::uint32_t kNullGaugeCell = 2;
inline constexpr std::uint32_t kFirstFreeCell = 8;

// Limits a reader enforces and a writer keeps to.
inline constexpr std::uint64_t kMaxCells = 1U << 20;
inline constexpr std::uint64_t kMaxCatalogueBytes = 1U << 28;
inline constexpr std::uint32_t kMaxNameBytes = 200;
inline constexpr std::uint32_t kMaxHelpBytes = 4096;
inline constexpr std::uint32_t kMaxLabelValueBytes = 1024;
inline constexpr std::uint32_t kMaxLabels = 16;
inline constexpr std::uint32_t kMaxBounds = 256;
inline constexpr std::uint32_t kExemplarSlots = 64;

// Whether the program still counts, or ended in order.
enum class State : std::uint32_t { kLive = 1, kClosed = 2 };

// How the writer counts: in columns by concurrency id, in column 0 only, in columns by processor.
enum class CountingMode : std::uint32_t { kRseq = 1, kAtomic = 2, kRseqByCpu = 3 };

// Why a number or a series was not taken: the index into SegmentHeader::drops. Never renumbered.
enum class DropReason : std::uint32_t {
  kNullHandle = 0,         // reserved: additions through null handles are counted by cells 0 and 1
  kCardinality = 1,        // label set went to the family's overflow series
  kNoCells = 2,            // no cell left, or no memory for more
  kCatalogueFull = 3,      // no room left for another record
  kNotFinite = 4,          // NaN or infinity observed, added or set
  kNegative = 5,           // negative amount added to a counter
  kLabelTooLong = 6,       // a label value of more than kMaxLabelValueBytes
  kWrongLabelCount = 7,    // with() called with another number of values than the family has labels
  kInvalidDefinition = 8,  // a definition refused by the naming rules
  kConflict = 9,           // a name defined a second time with another type, unit or labels
  kReentered = 10,         // a signal handler asked for a new series while its thread made one
  kExemplarBusy = 11,      // exemplar slot being written by another thread
  kInheritedGauge =
      12,  // an up-down counter's change in a child that counts in a forebear's segment
};

struct ExemplarSlot {
  std::uint64_t sequence;  // odd: being written; even: whole; 0: never written
  std::uint32_t cell;      // the bucket's or counter's cell
  std::uint32_t reserved;
  std::uint64_t value_bits;    // the observed double
  std::uint64_t unix_time_ns;  // CLOCK_REALTIME_COARSE
  std::uint8_t trace_id[16];   // all zero: none
  std::uint8_t span_id[8];     // all zero: none
  std::uint64_t reserved2;
};

struct SegmentHeader {
  // Written once, before the file gets its name. `magic` is stored last.
  std::uint64_t magic;
  std::uint16_t major;
  std::uint16_t minor;
  std::uint32_t byte_order;
  std::uint32_t header_bytes;
  std::uint32_t state;  // State; changes once, live to closed
  std::uint64_t file_bytes;
  std::uint64_t catalogue_offset;
  std::uint64_t catalogue_capacity;
  std::uint64_t catalogue_used;  // released by the writer after each record; grows only
  std::uint64_t values_offset;
  std::uint64_t column_stride;
  std::uint32_t column_capacity;
  std::uint32_t counting_mode;  // CountingMode
  std::uint64_t cell_capacity;
  std::uint64_t cells_committed;  // cells [0, here) have memory in every column of the bitmap
  std::uint64_t exemplar_offset;
  std::uint32_t exemplar_slots;
  std::uint32_t exemplar_slot_bytes;
  std::uint8_t boot_id[16];
  std::uint32_t pid;               // as the writer sees itself
  std::uint32_t uid;               // the file's owner
  std::uint64_t start_time_ticks;  // field 22 of /proc/self/stat
  std::uint64_t pid_namespace;     // inode of /proc/self/ns/pid, 0 if unknown
  std::uint64_t created_unix_ns;
  std::uint8_t segment_id[16];                 // random
  std::uint8_t lineage_key[kLineageKeyBytes];  // of forked processes the same; zero: none
  std::uint8_t reserved0[8];

  // Written while the process lives, by atomic operations.
  std::uint64_t
      exemplar_next;  // number of exemplar writes begun; the slot is this modulo the slots
  std::uint64_t drops[kDropReasons];
  std::uint64_t column_bitmap[kColumnBitmapWords];  // bit c: column c has memory and counts

  // Written once.
  char service[kServiceBytes];        // UTF-8, zero-terminated
  char executable[kExecutableBytes];  // zero-terminated, cut if longer

  std::uint8_t reserved1[kHeaderBytes - 976];
};

// --- the catalogue: records one behind another, each at a multiple of 8 ---

enum class RecordKind : std::uint16_t {
  kString = 1,
  kBounds = 2,
  kFamily = 3,
  kSeries = 4,
  kChunk = 5
};

enum class FamilyType : std::uint8_t {
  kCounter = 1,
  kUpDownCounter = 2,
  kGauge = 3,
  kHistogram = 4,
  kNativeHistogram = 5,
};

enum class NumberKind : std::uint8_t { kUnsigned = 1, kFloat = 2, kSigned = 3 };

enum class GaugeMode : std::uint8_t {
  kNone = 0,
  kSum = 1,
  kMin = 2,
  kMax = 3,
  kLast = 4,
  kEach = 5
};

struct RecordHeader {
  std::uint32_t bytes;  // of the whole record, a multiple of 8
  std::uint16_t kind;   // RecordKind; a reader passes over kinds it does not know
  std::uint16_t reserved;
};

// Followed by `length` bytes and zeros up to the record's end. Named by the offset of its header
// from the catalogue's start; offset 0 never is a string, so 0 means "none".
struct StringRecord {
  RecordHeader header;
  std::uint32_t length;
  std::uint32_t reserved;
};

// Followed by `count` doubles, finite and strictly increasing; +Inf is not among them.
struct BoundsRecord {
  RecordHeader header;
  std::uint32_t count;
  std::uint32_t reserved;
};

// Followed by label_count u32, the offsets of the label names' strings, and zeros.
struct FamilyRecord {
  RecordHeader header;
  std::uint32_t family;  // 0, 1, 2, ... in the order of the records
  std::uint8_t type;     // FamilyType
  std::uint8_t number;   // NumberKind
  std::uint8_t gauge_mode;
  std::int8_t schema;  // native histograms: -4..8
  std::uint32_t name;
  std::uint32_t help;
  std::uint32_t unit;
  std::uint32_t bounds;  // offset of a BoundsRecord; 0 unless a classic histogram
  std::uint32_t label_count;
  std::uint32_t quiet_labels;  // FORMAT.md, Groups of series
  double zero_threshold;       // native histograms
};

// Followed by the family's label_count u32, the offsets of the label values' strings, and zeros.
struct SeriesRecord {
  RecordHeader header;
  std::uint32_t series;  // 0, 1, 2, ... in the order of the records
  std::uint32_t family;
  std::uint32_t first_cell;
  std::uint32_t cell_count;
  std::uint32_t flags;  // kSeriesOverflow
  std::uint32_t label_count;
};

inline constexpr std::uint32_t kSeriesOverflow =
    1;  // the family's overflow series; no label values

// kChunkBuckets more buckets of a native histogram: those with index chunk*32 .. chunk*32+31.
struct ChunkRecord {
  RecordHeader header;
  std::uint32_t series;
  std::int32_t chunk;
  std::uint32_t negative;  // 1: buckets of negative observations
  std::uint32_t first_cell;
};

inline constexpr std::uint32_t kChunkBuckets = 32;

// The runs of cells a series owns, by its family's type:
//   counter, up-down counter   [value]
//   gauge                      [value], in column 0: the complement of the bits
//   gauge of mode last         [value, time], in column 0: CLOCK_MONOTONIC_COARSE, ns
//   histogram                  [bucket 0 .. bucket n, sum], n bounds, not cumulative, n is +Inf
//   native histogram           [zero bucket, sum], and 32 buckets per chunk
inline constexpr std::uint32_t kNativeBaseCells = 2;

// A gauge's cell holds the complement of the double's bits, so that zero means "never set".
inline constexpr std::uint64_t kGaugeMask = ~std::uint64_t{0};

static_assert(std::is_trivially_copyable_v<SegmentHeader> &&
              std::is_standard_layout_v<SegmentHeader>);
static_assert(sizeof(SegmentHeader) == kHeaderBytes && alignof(SegmentHeader) == 8);
static_assert(sizeof(ExemplarSlot) == 64 && sizeof(RecordHeader) == 8 &&
              sizeof(StringRecord) == 16);
static_assert(sizeof(BoundsRecord) == 16 && sizeof(FamilyRecord) == 48);
static_assert(sizeof(SeriesRecord) == 32 && sizeof(ChunkRecord) == 24);

}  // namespace notch::shm

#include "shm/layout_asserts.h"
