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
    "array": r"std::(?:array\s*<|to_array\b)",
    "atomic": r"std::(?:atomic|atomic_[a-z_]+)\b",
    "bit": r"std::(?:bit_cast|popcount|countr_zero|countl_zero|bit_width|has_single_bit|bit_ceil)\b",
    "charconv": r"std::(?:from_chars|to_chars|chars_format)\b",
    "chrono": r"std::chrono\b",
    "cmath": r"std::(?:isnan|isinf|isfinite|ldexp|frexp|floor|ceil|log2|pow|signbit|nextafter|abs|round|sqrt)\b",
    "compare": r"std::(?:strong|partial|weak)_ordering\b",
    "condition_variable": r"std::(?:condition_variable|cv_status)\b",
    "cstdint": r"std::u?int(?:8|16|32|64)_t\b",
    "cstdio": r"std::(?:printf|fprintf|snprintf|FILE|fopen|fclose|fputs|puts|perror|remove|rename)\b",
    "cstdlib": r"std::(?:getenv|abort|exit|atexit|_Exit|strto[a-z]+|malloc|calloc|realloc|free|system)\b",
    "cstring": r"std::(?:memcpy|memset|memcmp|strlen|strcmp|memmove|memchr)\b",
    "ctime": r"std::(?:time_t|tm|time|strftime|gmtime|clock)\b",
    "deque": r"std::deque\b",
    "exception": r"std::(?:exception|exception_ptr|current_exception|terminate)\b",
    "filesystem": r"std::filesystem\b",
    "fstream": r"std::[io]?fstream\b",
    "functional": r"std::(?:function|less|greater)\b",
    "future": r"std::(?:future|promise|async)\b",
    "initializer_list": r"std::initializer_list\b",
    "iterator": r"std::(?:back_inserter|istreambuf_iterator|ostream_iterator)\b",
    "limits": r"std::numeric_limits\b",
    "map": r"std::(?:multi)?map\b",
    "memory": r"std::(?:unique_ptr|shared_ptr|make_unique|make_shared)\b",
    "mutex": r"std::(?:mutex|lock_guard|unique_lock|scoped_lock|call_once|once_flag)\b",
    "new": r"std::(?:bad_alloc|nothrow|launder|align_val_t|hardware_destructive_interference_size)\b|\bnew \(",
    "numeric": r"std::(?:accumulate|iota|reduce|partial_sum)\b",
    "optional": r"std::(?:optional|nullopt)\b",
    "random": r"std::(?:mt19937(?:_64)?|minstd_rand|random_device|uniform_(?:int|real)_distribution)\b",
    "regex": r"std::(?:regex|smatch|cmatch|regex_match|regex_search)\b",
    "set": r"std::(?:multi)?set\b",
    "span": r"std::(?:span|as_bytes)\b",
    "sstream": r"std::[io]?stringstream\b",
    "stdexcept": r"std::(?:runtime_error|logic_error|invalid_argument|out_of_range)\b",
    "stop_token": r"std::stop_(?:token|source|callback)\b",
    "string": r"std::(?:string|to_string|stoul|stoull|getline)\b",
    "string_view": r"std::string_view\b",
    "system_error": r"std::(?:error_code|system_error|generic_category)\b",
    "thread": r"std::(?:thread|jthread|this_thread)\b",
    "tuple": r"std::(?:tuple|tie|make_tuple|apply|ignore)\b",
    "type_traits": r"std::(?:is_[a-z_]+_v|is_same|conditional_t|enable_if_t|remove_cv\w*|decay_t|make_(?:un)?signed\w*|"
                   r"underlying_type_t|invoke_result_t|integral_constant|true_type|false_type|is_constant_evaluated)\b",
    "utility": r"std::(?:exchange|as_const|move|forward|swap|pair|make_pair|in_place|index_sequence|in_range|declval|cmp_[a-z_]+)\b",
    "variant": r"std::(?:variant|visit|get_if|holds_alternative|monostate)\b",
    "vector": r"std::vector\b",
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
