// What the standard library's inline code calls where a precondition is broken; the C++ library
// that would throw is not here. Not reached: the compiler cannot see that, or it would not ask.
// Called by: nobody, in a program that runs as it should.
namespace std {

[[noreturn]] void __throw_out_of_range_fmt(const char* format, ...);

void __throw_out_of_range_fmt(const char* /*format*/, ...) {
  __builtin_trap();
}

}  // namespace std
