// Every offset of layout.h, asserted. Included by layout.h alone; a failing line here means a field
// moved, and that is a new major version (FORMAT.md, "Versions").
#pragma once

#include "shm/layout.h"

namespace notch::shm {

static_assert(offsetof(SegmentHeader, magic) == 0);
static_assert(offsetof(SegmentHeader, major) == 8);
static_assert(offsetof(SegmentHeader, minor) == 10);
static_assert(offsetof(SegmentHeader, byte_order) == 12);
static_assert(offsetof(SegmentHeader, header_bytes) == 16);
static_assert(offsetof(SegmentHeader, state) == 20);
static_assert(offsetof(SegmentHeader, file_bytes) == 24);
static_assert(offsetof(SegmentHeader, catalogue_offset) == 32);
static_assert(offsetof(SegmentHeader, catalogue_capacity) == 40);
static_assert(offsetof(SegmentHeader, catalogue_used) == 48);
static_assert(offsetof(SegmentHeader, values_offset) == 56);
static_assert(offsetof(SegmentHeader, column_stride) == 64);
static_assert(offsetof(SegmentHeader, column_capacity) == 72);
static_assert(offsetof(SegmentHeader, counting_mode) == 76);
static_assert(offsetof(SegmentHeader, cell_capacity) == 80);
static_assert(offsetof(SegmentHeader, cells_committed) == 88);
static_assert(offsetof(SegmentHeader, exemplar_offset) == 96);
static_assert(offsetof(SegmentHeader, exemplar_slots) == 104);
static_assert(offsetof(SegmentHeader, exemplar_slot_bytes) == 108);
static_assert(offsetof(SegmentHeader, boot_id) == 112);
static_assert(offsetof(SegmentHeader, pid) == 128);
static_assert(offsetof(SegmentHeader, uid) == 132);
static_assert(offsetof(SegmentHeader, start_time_ticks) == 136);
static_assert(offsetof(SegmentHeader, pid_namespace) == 144);
static_assert(offsetof(SegmentHeader, created_unix_ns) == 152);
static_assert(offsetof(SegmentHeader, segment_id) == 160);
static_assert(offsetof(SegmentHeader, lineage_key) == 176);
static_assert(offsetof(SegmentHeader, reserved0) == 192);
static_assert(offsetof(SegmentHeader, exemplar_next) == 200);
static_assert(offsetof(SegmentHeader, drops) == 208);
static_assert(offsetof(SegmentHeader, column_bitmap) == 464);
static_assert(offsetof(SegmentHeader, service) == 592);
static_assert(offsetof(SegmentHeader, executable) == 720);
static_assert(offsetof(SegmentHeader, reserved1) == 976);
static_assert(offsetof(ExemplarSlot, sequence) == 0);
static_assert(offsetof(ExemplarSlot, cell) == 8);
static_assert(offsetof(ExemplarSlot, reserved) == 12);
static_assert(offsetof(ExemplarSlot, value_bits) == 16);
static_assert(offsetof(ExemplarSlot, unix_time_ns) == 24);
static_assert(offsetof(ExemplarSlot, trace_id) == 32);
static_assert(offsetof(ExemplarSlot, span_id) == 48);
static_assert(offsetof(ExemplarSlot, reserved2) == 56);
static_assert(offsetof(RecordHeader, bytes) == 0);
static_assert(offsetof(RecordHeader, kind) == 4);
static_assert(offsetof(RecordHeader, reserved) == 6);
static_assert(offsetof(StringRecord, header) == 0);
static_assert(offsetof(StringRecord, length) == 8);
static_assert(offsetof(StringRecord, reserved) == 12);
static_assert(offsetof(BoundsRecord, header) == 0);
static_assert(offsetof(BoundsRecord, count) == 8);
static_assert(offsetof(BoundsRecord, reserved) == 12);
static_assert(offsetof(FamilyRecord, header) == 0);
static_assert(offsetof(FamilyRecord, family) == 8);
static_assert(offsetof(FamilyRecord, type) == 12);
static_assert(offsetof(FamilyRecord, number) == 13);
static_assert(offsetof(FamilyRecord, gauge_mode) == 14);
static_assert(offsetof(FamilyRecord, schema) == 15);
static_assert(offsetof(FamilyRecord, name) == 16);
static_assert(offsetof(FamilyRecord, help) == 20);
static_assert(offsetof(FamilyRecord, unit) == 24);
static_assert(offsetof(FamilyRecord, bounds) == 28);
static_assert(offsetof(FamilyRecord, label_count) == 32);
static_assert(offsetof(FamilyRecord, quiet_labels) == 36);
static_assert(offsetof(FamilyRecord, zero_threshold) == 40);
static_assert(offsetof(SeriesRecord, header) == 0);
static_assert(offsetof(SeriesRecord, series) == 8);
static_assert(offsetof(SeriesRecord, family) == 12);
static_assert(offsetof(SeriesRecord, first_cell) == 16);
static_assert(offsetof(SeriesRecord, cell_count) == 20);
static_assert(offsetof(SeriesRecord, flags) == 24);
static_assert(offsetof(SeriesRecord, label_count) == 28);
static_assert(offsetof(ChunkRecord, header) == 0);
static_assert(offsetof(ChunkRecord, series) == 8);
static_assert(offsetof(ChunkRecord, chunk) == 12);
static_assert(offsetof(ChunkRecord, negative) == 16);
static_assert(offsetof(ChunkRecord, first_cell) == 20);

}  // namespace notch::shm
