// What other kernels' types would say of their tracepoints, by types made here.
#include "ebpf/tracepoint_signature.h"

#include <bpf/btf.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>

namespace notch::ebpf {
namespace {

// As the kernel's build makes them: typedef void (*btf_trace_NAME)(void *, ...).
class KernelTypes {
 public:
  KernelTypes() : types_(btf__new_empty(), btf__free) {
    int_ = btf__add_int(types_.get(), "int", 4, BTF_INT_SIGNED);
    const int task = btf__add_struct(types_.get(), "task_struct", 8);
    task_pointer_ = btf__add_ptr(types_.get(), btf__add_const(types_.get(), task));
  }

  void add(const std::string& tracepoint, std::initializer_list<int> arguments) {
    // Parameters go to the type that was made last.
    const int own_data = btf__add_ptr(types_.get(), 0);
    const int function = btf__add_func_proto(types_.get(), 0);
    btf__add_func_param(types_.get(), "", own_data);
    for (const int argument : arguments) btf__add_func_param(types_.get(), "", argument);
    btf__add_typedef(types_.get(), ("btf_trace_" + tracepoint).c_str(),
                     btf__add_ptr(types_.get(), function));
  }

  const btf& get() const { return *types_; }
  int number() const { return int_; }
  int task() const { return task_pointer_; }

 private:
  std::unique_ptr<btf, void (*)(btf*)> types_;
  int int_ = 0;
  int task_pointer_ = 0;
};

TEST(TracepointSignature, TellsTheVictimsShapeBeforeAndAfter) {
  KernelTypes before_6_9;
  before_6_9.add("mark_victim", {before_6_9.number()});
  const btf_type* older = signature_of(before_6_9.get(), "mark_victim");
  ASSERT_NE(older, nullptr);
  EXPECT_FALSE(signature_has_pointer(before_6_9.get(), older, 0));

  KernelTypes newer;
  newer.add("mark_victim", {newer.task(), newer.number()});
  const btf_type* task = signature_of(newer.get(), "mark_victim");
  ASSERT_NE(task, nullptr);
  EXPECT_TRUE(signature_has_pointer(newer.get(), task, 0));
  EXPECT_FALSE(signature_has_pointer(newer.get(), task, 1));
  EXPECT_FALSE(signature_has_pointer(newer.get(), task, 2)) << "there is no such argument";
}

TEST(TracepointSignature, IsNullWhereTheKernelHasNotTheTracepoint) {
  KernelTypes before_6_3;
  before_6_3.add("sched_switch", {before_6_3.number(), before_6_3.task(), before_6_3.task()});
  EXPECT_NE(signature_of(before_6_3.get(), "sched_switch"), nullptr);
  EXPECT_EQ(signature_of(before_6_3.get(), "sock_send_length"), nullptr);
  EXPECT_FALSE(signature_has_pointer(before_6_3.get(), nullptr, 0));
}

TEST(TracepointSignature, IsNullForANameOfAnotherKind) {
  KernelTypes types;
  types.add("real", {});
  EXPECT_EQ(signature_of(types.get(), ""), nullptr);
  EXPECT_NE(signature_of(types.get(), "real"), nullptr);
}

}  // namespace
}  // namespace notch::ebpf
