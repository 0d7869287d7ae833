/* TCP connections from their states, and the bytes of every program's sockets, whatever it is
 * written in. A connection's record is kept with its socket, and goes with it; before
 * Linux 5.11 by the socket's address, until it is closed. Compiled by: ebpf/compile_object.
 */
#include "ebpf/kernel_types.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "ebpf/latency_histogram.bpf.h"
#include "ebpf/service_slots.bpf.h"
#include "ebpf/tcp.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

enum { kTcp = 6, kEstablished = 1, kSynSent = 2, kSynReceived = 3, kClosed = 7 };
enum { kUnix = 1, kInet = 2, kInet6 = 10, kPeek = 2 /* MSG_PEEK */ };

const volatile struct tcp_constants constants = {0, 0};

struct connection {
  __u64 since_ns; /* the SYN's time, then the establishment's */
  __u32 direction;
  __u32 established;
};

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct connection);
} records SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 16384);
  __type(key, __u64);
  __type(value, struct connection);
} records_by_address SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tcp_row);
} connections SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, NOTCH_SERVICE_SLOTS);
  __type(key, __u32);
  __type(value, struct socket_row);
} rows SEC(".maps");

static __always_inline struct tcp_row* own_row(void) {
  __u32 cpu = bpf_get_smp_processor_id();
  return bpf_map_lookup_elem(&connections, &cpu);
}

/* A socket, and its address as a number: some kernels let no program make one of the pointer. */
struct socket {
  struct sock* sk;
  __u64 address;
};

/* `context`: that of an event whose first argument is the socket. */
static __always_inline struct socket socket_of(struct sock* sk, const void* context) {
  struct socket socket = {sk, 0};
  if (constants.keeps_by_address)
    bpf_probe_read_kernel(&socket.address, sizeof socket.address, context);
  return socket;
}

static __always_inline struct connection* record_of(struct socket* socket) {
  if (constants.keeps_by_address) return bpf_map_lookup_elem(&records_by_address, &socket->address);
  return bpf_sk_storage_get(&records, socket->sk, 0, 0);
}

static __always_inline struct connection* make_record(struct socket* socket) {
  if (constants.keeps_by_address) {
    struct connection none = {};
    bpf_map_update_elem(&records_by_address, &socket->address, &none, BPF_ANY);
    return bpf_map_lookup_elem(&records_by_address, &socket->address);
  }
  return bpf_sk_storage_get(&records, socket->sk, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void begin(struct socket* socket, struct tcp_row* row, __u32 direction,
                                  __u32 established) {
  struct connection* record = make_record(socket);
  if (!record) {
    row->untracked += 1;
    return;
  }
  record->since_ns = bpf_ktime_get_ns();
  record->direction = direction;
  record->established = established;
}

static __always_inline void established(struct socket* socket, struct tcp_row* row, int old_state) {
  struct connection* record = record_of(socket);
  if (!record) {
    /* Accepted; or, from SYN_SENT, connecting since before the probe. */
    __u32 direction = old_state == kSynReceived ? NOTCH_TCP_INBOUND : NOTCH_TCP_OUTBOUND;
    begin(socket, row, direction, 1);
    row->opened[direction] += 1;
    return;
  }
  __u64 now_ns = bpf_ktime_get_ns();
  notch_count_time(&row->connect, now_ns - record->since_ns);
  row->opened[NOTCH_TCP_OUTBOUND] += 1;
  record->since_ns = now_ns;
  record->established = 1;
}

static __always_inline void closed(struct socket* socket, struct tcp_row* row, int old_state) {
  struct connection* record = record_of(socket);
  if (old_state == kSynSent) {
    row->connect_failures += 1;
    return;
  }
  if (!record || !record->established) {
    row->closed_unknown += record ? 0 : 1;
    return;
  }
  record->established = 0; /* once: a socket can be closed from several states in turn */
  __u32 direction = record->direction & 1;
  notch_count_time(&row->lifetime[direction], bpf_ktime_get_ns() - record->since_ns);
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(socket->sk);
  __u32 srtt_us = tcp ? tcp->srtt_us >> 3 : 0;
  if (srtt_us) notch_count_time(&row->round_trip[direction], srtt_us * 1000ULL);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, struct sock* sk, int old_state, int new_state) {
  if (sk->sk_protocol != kTcp) return 0;
  struct tcp_row* row = own_row();
  if (!row) return 0;
  struct socket socket = socket_of(sk, ctx);
  if (new_state == kSynSent) {
    begin(&socket, row, NOTCH_TCP_OUTBOUND, 0);
  } else if (new_state == kEstablished) {
    established(&socket, row, old_state);
  } else if (new_state == kClosed && old_state != 10 /* was listening */) {
    /* By address there is no record any more when a closed one is closed again. */
    if (!constants.keeps_by_address || old_state != kClosed) closed(&socket, row, old_state);
    if (constants.keeps_by_address) bpf_map_delete_elem(&records_by_address, &socket.address);
  }
  return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tcp_retransmit_skb, struct sock* sk) {
  struct tcp_row* row = own_row();
  if (!row) return 0;
  struct socket socket = socket_of(sk, ctx);
  struct connection* record = record_of(&socket);
  row->retransmits[record ? record->direction & 1 : NOTCH_TCP_UNKNOWN] += 1;
  return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(tcp_retransmit_synack) {
  struct tcp_row* row = own_row();
  if (row) row->synack_retransmits += 1;
  return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_send_reset) {
  struct tcp_row* row = own_row();
  if (row) row->resets_sent += 1;
  return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_receive_reset) {
  struct tcp_row* row = own_row();
  if (row) row->resets_received += 1;
  return 0;
}

static __always_inline struct socket_row* row_of_caller(void) {
  __u32 key = row_of_process(bpf_get_current_pid_tgid() >> 32);
  return bpf_map_lookup_elem(&rows, &key);
}

static __always_inline __u32 family_of(struct sock* sk) {
  __u32 family = sk->__sk_common.skc_family;
  if (family == kInet || family == kInet6) return NOTCH_SOCKET_INET;
  return family == kUnix ? NOTCH_SOCKET_UNIX : NOTCH_SOCKET_OTHER;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(sock_send_length, struct sock* sk, int bytes) {
  struct socket_row* row = row_of_caller();
  if (!row || bytes < 0) return 0;
  __u32 family = family_of(sk);
  row->sent_bytes[family] += (__u32)bytes;
  row->sent_calls[family] += 1;
  return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(sock_recv_length, struct sock* sk, int bytes, int flags) {
  if (flags & kPeek) return 0; /* it will be received again */
  struct socket_row* row = row_of_caller();
  if (!row || bytes < 0) return 0;
  __u32 family = family_of(sk);
  row->received_bytes[family] += (__u32)bytes;
  row->received_calls[family] += 1;
  return 0;
}
