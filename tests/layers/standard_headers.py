"""Which standard header a name needs, where libraries differ: what one of them brings along by chance is missing in the next.
Called by: layers_check.

Invariants
  SH1  A file that uses a name has its header: included there, or in a header of the project's that it includes.
"""

import os
import re

import code_text

# By header, what of it is known to come by chance.
NAMES = {
    "algorithm": r"std::(?:ranges::)?(?:find|find_if|sort|stable_sort|copy|copy_n|copy_if|count|count_if|any_of|all_of|none_of|"
                 r"fill|fill_n|transform|max_element|min_element|lower_bound|upper_bound|reverse|rotate|unique|remove_if|min|max|"
                 r"clamp|equal|mismatch|shuffle|is_sorted|nth_element|generate|binary_search|for_each)\s*[(<]",
    "bit": r"std::(?:bit_cast|popcount|countr_zero|countl_zero|bit_width|has_single_bit|bit_ceil)\b",
    "cmath": r"std::(?:isnan|isinf|isfinite|ldexp|frexp|floor|ceil|log2|pow|signbit|nextafter|abs|round|sqrt)\b",
    "cstdint": r"std::u?int(?:8|16|32|64)_t\b",
    "cstring": r"std::(?:memcpy|memset|memcmp|strlen|strcmp|memmove|memchr)\b",
    "functional": r"std::(?:function|less|greater)\b",
    "iterator": r"std::(?:back_inserter|istreambuf_iterator|ostream_iterator)\b",
    "limits": r"std::numeric_limits\b",
    "memory": r"std::(?:unique_ptr|shared_ptr|make_unique|make_shared)\b",
    "numeric": r"std::(?:accumulate|iota|reduce|partial_sum)\b",
    "optional": r"std::(?:optional|nullopt)\b",
    "string": r"std::(?:string|to_string)\b",
    "system_error": r"std::(?:error_code|system_error|generic_category)\b",
    "thread": r"std::(?:thread|this_thread)\b",
    "utility": r"std::(?:exchange|as_const)\b",
}
_USES = {header: re.compile(pattern) for header, pattern in NAMES.items()}
_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
_PUBLIC = "client/include/"


def _ours(header, including, includes):
    """The path of a header of the project's; None of any other."""
    beside = os.path.normpath(os.path.join(os.path.dirname(including), header))
    return next((path for path in (header, beside, _PUBLIC + header) if path in includes), None)


def _reached(path, includes, seen):
    """Headers of others that the file includes, or a header of ours does for it."""
    seen.add(path)
    found = set()
    for header in includes[path]:
        ours = _ours(header, path, includes)
        if ours is None:
            found.add(header)
        elif ours not in seen:
            found |= _reached(ours, includes, seen)
    return found


def violations(files):
    code = [file for file in files if file.path.endswith((".h", ".cc"))]
    includes = {file.path: [match[1] for match in map(_INCLUDE.match, file.lines) if match] for file in code}
    for file in code:
        missing = set(_USES) - _reached(file.path, includes, set())
        for number, line in enumerate(code_text.bare(file.text).splitlines(), 1):
            for header in sorted(missing):
                match = _USES[header].search(line)
                if match:
                    missing.remove(header)
                    yield file.path, number, f"uses {match[0].rstrip('(< ')} without <{header}>"
