// The probes' families in the form a snapshot has.
// Called by: kernel_figures.
//
// Invariants
//   KS1  What comes out obeys FM1, SP1 to SP3 as long as the probes obey FA1. Histograms are native;
//        the text formats derive classic ones, with powers of two as bounds.
#pragma once

#include <vector>

#include "agent/family/snapshot.h"
#include "ebpf/family.h"

namespace notch::agent {

// Families without rows are left out. Cost: some allocations per row.
Snapshot kernel_snapshot(std::vector<ebpf::KernelFamily> families);

}  // namespace notch::agent
