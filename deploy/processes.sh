# The parts that the scripts of this folder share: messages, the build, ports, and children that end with their script.
# Sourced by: quickstart, local-stack. REQUIRES: $root, the tree; $name, the script's name, for its messages.
# shellcheck shell=bash disable=SC2154

say() { printf '%s: %s\n' "$name" "$*"; }
fail() {
  printf '%s: %s\n' "$name" "$2" >&2
  exit "$1"
}

# Ends a child of ours and waits for it; one that will not go in ten seconds is killed.
end_process() {
  [[ -n $1 ]] || return 0
  kill -TERM "$1" 2>/dev/null || true
  local tries=100
  while ((tries-- > 0)) && kill -0 "$1" 2>/dev/null; do sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
  wait "$1" 2>/dev/null || true
}

# One HTTP GET of http://$1; the body on stdout. False if there is no answer of 200.
fetch() {
  python3 -c 'import sys, urllib.request
try:
    sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=5).read())
except OSError:
    sys.exit(1)' "http://$1" 2>/dev/null
}

# Exits 3 unless ADDRESS:PORT can be served on; $2 is the option that names another.
require_free_port() {
  python3 -c 'import socket, sys
host, _, port = sys.argv[1].rpartition(":")
family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port,
                                                        type=socket.SOCK_STREAM)[0]
with socket.socket(family, kind, protocol) as probe:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(address)' "$1" 2>/dev/null ||
    fail 3 "$1 is in use or not an address of this host; name another: $2"
}

# Builds what is shown and all that is installed; exits 5 with the log's end if that fails.
build_programs() {
  local log=$root/build/$name.log
  mkdir -p "$root/build"
  say "building (the first time takes some minutes; log: build/$name.log)"
  # Only tests/run builds the tests: their packages need not be here. A build folder that is configured
  # already stays as it is.
  (cd "$root" && {
    [[ -f build/release/build.ninja ]] ||
      cmake --preset release -DNOTCH_BUILD_TESTS=OFF -DNOTCH_BUILD_BENCH=OFF
  } && cmake --build --preset release --target notchd otlp_demo notch notch_static \
      notch_preload notch_preload_tls notch_program jobs jobs_c) >"$log" 2>&1 || {
    tail -n 30 "$log" >&2
    fail 5 "the build failed"
  }
}
