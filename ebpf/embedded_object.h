// Puts a committed object into the program. Called by: each probe's source, once for its object.
#pragma once

#include <cstddef>
#include <span>

// NOTCH_EMBED_OBJECT(runqueue); defines runqueue_object(), the bytes of objects/runqueue.bpf.o. The
// assembler finds it through the include path; CMakeLists.txt makes the source depend on it.
#define NOTCH_EMBED_OBJECT(name)                                                                \
  asm(".pushsection .rodata\n"                                                                  \
      ".balign 16\n"                                                                            \
      ".hidden notch_object_" #name "_begin\n.hidden notch_object_" #name                       \
      "_end\n"                                                                                  \
      ".globl notch_object_" #name "_begin\n.globl notch_object_" #name                         \
      "_end\n"                                                                                  \
      "notch_object_" #name                                                                     \
      "_begin:\n"                                                                               \
      ".incbin \"ebpf/objects/" #name                                                           \
      ".bpf.o\"\n"                                                                              \
      "notch_object_" #name                                                                     \
      "_end:\n"                                                                                 \
      ".popsection\n");                                                                         \
  extern "C" const unsigned char notch_object_##name##_begin[];                                 \
  extern "C" const unsigned char notch_object_##name##_end[];                                   \
  static std::span<const unsigned char> name##_object() {                                       \
    return {notch_object_##name##_begin,                                                        \
            static_cast<std::size_t>(notch_object_##name##_end - notch_object_##name##_begin)}; \
  }                                                                                             \
  static_assert(true) /* takes the semicolon */
