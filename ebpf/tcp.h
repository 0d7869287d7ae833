/* What the tcp probe counts. Read by: both its sides. */
#pragma once

#include "ebpf/latency_histogram.h"

enum {
  NOTCH_TCP_OUTBOUND = 0, /* this host connected */
  NOTCH_TCP_INBOUND = 1,  /* it accepted */
  NOTCH_TCP_UNKNOWN = 2,  /* connected before the probe began */
  NOTCH_TCP_DIRECTIONS = 3,

  NOTCH_SOCKET_INET = 0, /* IPv4 and IPv6 */
  NOTCH_SOCKET_UNIX = 1,
  NOTCH_SOCKET_OTHER = 2,
  NOTCH_SOCKET_FAMILIES = 3,
};

/* Map `connections`: a row a processor. */
struct tcp_row {
  struct latency_histogram connect;       /* SYN sent to established */
  struct latency_histogram lifetime[2];   /* established to closed, by direction */
  struct latency_histogram round_trip[2]; /* the kernel's smoothed one, at close */
  __u64 opened[2];
  __u64 closed_unknown;
  __u64 connect_failures;
  __u64 retransmits[NOTCH_TCP_DIRECTIONS];
  __u64 synack_retransmits;
  __u64 resets_sent;
  __u64 resets_received;
  __u64 untracked; /* no memory for the connection's record */
  __u64 padding[3];
};

struct tcp_constants {
  __u32 keeps_by_address; /* nothing may be kept with a socket (before Linux 5.11) */
  __u32 padding;
};

/* Map `rows`: a row for each processor and service. */
struct socket_row {
  __u64 sent_bytes[NOTCH_SOCKET_FAMILIES];
  __u64 sent_calls[NOTCH_SOCKET_FAMILIES];
  __u64 received_bytes[NOTCH_SOCKET_FAMILIES];
  __u64 received_calls[NOTCH_SOCKET_FAMILIES];
  __u64 padding[4];
};
