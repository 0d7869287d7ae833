/* The kernel's types, as far as the programs read them, in place of a whole vmlinux.h. Read by:
 * every x.bpf.c, and nothing in user space.
 *
 * Invariants
 *   KT1  Only fields that a program reads stand here, and their order and offsets mean nothing:
 * each access is relocated by name to the running kernel when the program is loaded
 *        (preserve_access_index).
 *   KT2  A type that has changed its shape stands here once for each shape, the older one with a
 * suffix
 *        ___before_N; the relocation ignores what follows ___.
 */
#pragma once

typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void*)0)

/* Values of the kernel's user interface (linux/bpf.h). */
enum bpf_map_type {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_SK_STORAGE = 24,
  BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
  BPF_F_NO_PREALLOC = 1U << 0,
  BPF_F_MMAPABLE = 1U << 10,
  BPF_ANY = 0,
  BPF_LOCAL_STORAGE_GET_F_CREATE = 1U << 0,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  int counter;
} atomic_t;

struct rq {
  __u64 clock;
};
struct cfs_rq {
  struct rq* rq;
};
struct sched_entity {
  __u64 sum_exec_runtime;
  struct cfs_rq* cfs_rq;
};
struct sched_info {
  unsigned long pcount;
  unsigned long long run_delay;
  unsigned long long last_queued;
};
struct signal_struct {
  atomic_t live;
};

struct kernfs_node {
  __u64 id;
};
struct cgroup {
  struct kernfs_node* kn;
};
struct cgroup_subsys_state {
  struct cgroup* cgroup;
};
enum cgroup_subsys_id { cpu_cgrp_id = 1 };
struct css_set {
  struct cgroup_subsys_state* subsys[14];
  struct cgroup* dfl_cgrp;
};

struct task_struct {
  int pid;
  int tgid;
  unsigned int flags;
  int exit_code;
  __u64 start_time;
  struct sched_entity se;
  struct sched_info sched_info;
  struct signal_struct* signal;
  struct task_struct* group_leader;
  struct css_set* cgroups;
};

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};

struct gendisk {
  int major;
  int first_minor;
};
struct request_queue {
  struct gendisk* disk;
};
struct request {
  struct request_queue* q;
  unsigned int cmd_flags;
  unsigned int __data_len;
  __u64 start_time_ns;
};
struct request___before_5_17 {
  struct gendisk* rq_disk;
};

struct sock_common {
  unsigned short skc_family;
};
struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
};
struct tcp_sock {
  __u32 srtt_us;
};
struct sk_buff;
struct request_sock;
struct irqaction;
struct compact_control;
struct linux_binprm;
#pragma clang attribute pop
