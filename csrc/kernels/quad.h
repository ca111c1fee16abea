// Points in vectors of four: x, y, z and an idle lane, so that a point is one load, one product, one sum. Everything by
// reference, as four doubles are not one register of every instruction set.
#pragma once
#include "kernels/simd.h"

#ifdef PYFACE3D_ISA
namespace pyface3d {
namespace PYFACE3D_ISA {
template <typename T>
struct QuadOf {
  typedef T type __attribute__((vector_size(4 * sizeof(T))));
};
template <typename T>
using Quad = typename QuadOf<T>::type;

// The three numbers at `from`, in one load of four where a fourth may be read.
template <typename T>
inline void load_point(const T* from, bool fourth, Quad<T>& out) {
  if (__builtin_expect(fourth, 1))
    __builtin_memcpy(&out, from, sizeof(out));
  else
    out = Quad<T>{from[0], from[1], from[2], 0};
}

// Sums of points lie in rows of four, the fourth idle: a point is added in one load and one store.
template <typename T>
inline void add_point(T* sums, int64_t n, const Quad<T>& v) {
  Quad<T> sum;
  __builtin_memcpy(&sum, sums + n * 4, sizeof(sum));
  sum += v;
  __builtin_memcpy(sums + n * 4, &sum, sizeof(sum));
}

template <typename T>
inline void store_sums(const T* sums, int64_t count, T* points) {  // (N, 4) to (N, 3)
  for (int64_t n = 0; n < count; ++n)
    for (int64_t d = 0; d < 3; ++d) points[n * 3 + d] = sums[n * 4 + d];
}

struct PickNext {  // y, z, x
  static constexpr int at(int i) { return i == 3 ? 3 : (i + 1) % 3; }
};
template <typename V>
inline void turn_coordinates(const V& a, V& out) {
  shuffle_lanes<PickNext>(a, a, out, std::make_integer_sequence<int, 4>{});
}

template <typename V>
inline void cross_product(const V& a, const V& b, V& out) {
  V a_next, b_next;
  turn_coordinates(a, a_next), turn_coordinates(b, b_next);
  const V turned = a * b_next - a_next * b;  // z, x, y
  turn_coordinates(turned, out);
}
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
#endif
