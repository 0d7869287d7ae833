"""What stands on what in client/. Called by: layers_check.

Invariants
  OR1  A unit, which is a header and its source, includes only units of rows above its own: so none includes, by
       whatever way round, one that includes it.
  OR2  A unit that includes another, or is included, has a row.
"""

import re

# From the bottom up. What needs each other's header cannot both be right: move what both need below them, as
# segment_room is below catalogue and process, or hand over a function, as registry_lock is given one.
ORDER = (
    "capacity column_entries exemplar_ring lineage octave_bounds parked seal text_hash text_view",
    "counting_mode debug_line label_key name_rules private_memory settings",
    "bucket_tables late_attach wiped",
    "add_by_cpu drops registry_lock",
    "columns inherited_segment",
    "fork segment_room",
    "catalogue",
    "birth",
    "process",
    "registry",
    "c_api series_index",
    "abi",
)
_ROW = {unit: row for row, units in enumerate(ORDER) for unit in units.split()}

_UNIT = re.compile(r"client/(\w+)\.(?:h|cc)")
_INCLUDE = re.compile(r'^\s*#\s*include\s*"client/(\w+)\.h"')


def violations(file):
    """Yields (line number, what is wrong) for each include of a unit that does not stand below this file's."""
    own = _UNIT.fullmatch(file.path)
    if not own:
        return
    for number, line in enumerate(file.lines, 1):
        match = _INCLUDE.match(line)
        if not match or match[1] == own[1]:
            continue
        for unit in (own[1], match[1]):
            if unit not in _ROW:
                yield number, f"includes client/{match[1]}.h: {unit} has no row in ORDER of client_order.py"
                break
        else:
            if _ROW[match[1]] >= _ROW[own[1]]:
                yield number, f"includes client/{match[1]}.h: it is not below {own[1]} in ORDER of client_order.py"
