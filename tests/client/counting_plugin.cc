// A plugin with the client linked into it. Called by: unload_test, through dlopen().
#include "notch/float_counter.h"
#include "notch/registry.h"

// Of the plugin's two counters, so that both kinds of section are the last of some thread.
extern "C" [[gnu::visibility("default")]] void plugin_add(int times) {
  static auto whole = notch::counter({.name = "plugin_adds_total", .help = "Adds."});
  static auto half = notch::float_counter({.name = "plugin_halves_total", .help = "Halves."});
  for (int i = 0; i < times; ++i) {
    if (i % 2 == 0) half.add(0.5);
    whole.add();
  }
}
