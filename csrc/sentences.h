// The sentences of failed checks, shared by the torch and the NumPy bindings: op, argument, wanted, got, what to do.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace pyface3d {
using Shape = std::vector<int64_t>;

inline std::string shape_text(const Shape& shape) {  // "(2, 3)"; a negative size is "*"
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + (shape[i] < 0 ? "*" : std::to_string(shape[i]));
  return text + (shape.size() == 1 ? ",)" : ")");
}

inline bool shape_fits(const Shape& got, std::initializer_list<int64_t> sizes) {  // negative: any size
  if (got.size() != sizes.size()) return false;
  size_t i = 0;
  for (const int64_t size : sizes)
    if (const int64_t have = got[i++]; size >= 0 && have != size) return false;
  return true;
}

// `wanted` is the shape as the documentation writes it, e.g. "(B, N, 3)".
inline std::string shape_sentence(const char* op, const char* name, const Shape& got,
                                  std::initializer_list<int64_t> sizes, const char* wanted) {
  return std::string(op) + ": " + name + " must be " + wanted + " = " + shape_text(Shape(sizes)) + ", got " +
         shape_text(got);
}

inline std::string range_sentence(const char* op, const char* name, int64_t count, int64_t value, int64_t position) {
  return std::string(op) + ": " + name + " must lie in [0, " + std::to_string(count) + "), got " +
         std::to_string(value) + " at position " + std::to_string(position);
}
}  // namespace pyface3d
