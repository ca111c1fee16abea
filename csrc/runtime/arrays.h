// NumPy (or any DLPack) arrays in and out: checks in the words of the torch ops, allocation, dispatch by type.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <memory>
#include <optional>
#include <string>

#include "runtime/parallel.h"
#include "scratch.h"
#include "sentences.h"

namespace nb = nanobind;

namespace pyface3d {
using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Indices = nb::ndarray<const int64_t, nb::c_contig, nb::device::cpu>;

inline void require(bool holds, const std::string& sentence) {
  if (!holds) throw nb::value_error(sentence.c_str());
}

template <typename A>
Shape sizes_of(const A& x) {
  Shape sizes;
  for (size_t i = 0; i < x.ndim(); ++i) sizes.push_back(static_cast<int64_t>(x.shape(i)));
  return sizes;
}

template <typename A>
int64_t size_of(const A& x, size_t axis) {
  return static_cast<int64_t>(x.shape(axis));
}

template <typename A>
void check_shape(const char* op, const char* name, const A& x, std::initializer_list<int64_t> sizes,
                 const char* wanted) {
  const Shape got = sizes_of(x);
  require(shape_fits(got, sizes), shape_sentence(op, name, got, sizes, wanted));
}

inline bool is_float32(const Array& x) { return x.dtype() == nb::dtype<float>(); }

inline void check_floating(const char* op, const char* name, const Array& x) {
  require(is_float32(x) || x.dtype() == nb::dtype<double>(),
          std::string(op) + ": " + name + " must be float32 or float64; convert it with .astype(numpy.float32)");
}

inline void check_like(const char* op, const char* name, const Array& x, const char* first_name, const Array& first) {
  require(x.dtype() == first.dtype(), std::string(op) + ": " + name + " must have the dtype of " + first_name +
                                          "; convert one of them with .astype()");
}

// Checks every index in [0, count).
inline void check_range(const char* op, const char* name, const Indices& indices, int64_t count) {
  const int64_t* index = indices.data();
  for (int64_t i = 0; i < static_cast<int64_t>(indices.size()); ++i)
    require(index[i] >= 0 && index[i] < count, range_sentence(op, name, count, index[i], i));
}

// A new NumPy array; its memory belongs to it.
template <typename T>
struct Output {
  explicit Output(const Shape& shape) : sizes(shape.begin(), shape.end()) {
    size_t count = 1;
    for (const size_t size : sizes) count *= size;
    values = new T[count];
  }
  Output(const Output&) = delete;
  ~Output() { delete[] values; }

  nb::object array() {
    T* memory = values;
    nb::capsule owner(memory, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    values = nullptr;
    return nb::cast(nb::ndarray<nb::numpy, T>(memory, sizes.size(), sizes.data(), owner));
  }

  std::vector<size_t> sizes;
  T* values;
};

// The elements of an array whose type is known to be T.
template <typename T>
const T* pointer(const Array& x) {
  return static_cast<const T*>(x.data());
}

// Calls function(float{}) or function(double{}), whichever is the type of x.
template <typename Function>
nb::object by_type(const Array& x, Function function) {
  return is_float32(x) ? function(float{}) : function(double{});
}

void bind_shapes(nb::module_& m);
void bind_maps(nb::module_& m);
void bind_meshes(nb::module_& m);
}  // namespace pyface3d
