// Products of small matrices whose sums stay in registers, for the closed forms over a model's Gram matrix.
#pragma once
#include "kernels/simd.h"

namespace pyface3d {
// Columns rounded up to whole vectors of any instruction set.
inline int64_t padded_columns(int64_t columns) { return (columns + 15) / 16 * 16; }
}  // namespace pyface3d

#ifdef PYFACE3D_ISA
namespace pyface3d {
namespace PYFACE3D_ISA {
// Copies the leading (rows, columns) of a matrix whose rows are `stride` apart, padding its columns with zeros.
template <typename T>
inline void pad_columns(const T* from, int64_t rows, int64_t columns, int64_t stride, T* to) {
  const int64_t padded = padded_columns(columns);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < padded; ++j) to[i * padded + j] = j < columns ? from[i * stride + j] : T(0);
}

// product (R, padded) = left^T right, left (inner, R) with rows `stride` apart, right (inner, padded); only the first
// `columns` of the product and what completes their last vector.
template <typename T, int R>
inline void multiply_transposed(const T* left, int64_t stride, const T* right, int64_t inner, int64_t padded,
                                int64_t columns, T* product) {
  for (int64_t j = 0; j < columns; j += kLanes<T>) {
    Vec<T> sum[R] = {};
    for (int64_t i = 0; i < inner; ++i) {
      const Vec<T> row = load<T>(right + i * padded + j);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) sum[r] += row * left[i * stride + r];
    }
    for (int r = 0; r < R; ++r) store<T>(product + r * padded + j, sum[r]);
  }
}

// a . b of any length.
template <typename T>
inline T dot(const T* a, const T* b, int64_t count) {
  Vec<T> sum{};
  int64_t i = 0;
  for (; i + kLanes<T> <= count; i += kLanes<T>) sum += load<T>(a + i) * load<T>(b + i);
  T rest = 0;
  for (; i < count; ++i) rest += a[i] * b[i];
  return lane_sum<T>(sum) + rest;
}
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
#endif
