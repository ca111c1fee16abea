#include "kernels/shape_moments.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
// Coordinate d of the columns of `count` vertices from `first` on: (count, padded).
template <typename T>
void gather(const ShapeMoments& p, int d, int64_t first, int64_t count, T* to) {
  constexpr int64_t kAhead = 8, kLine = 64 / sizeof(T);
  const int64_t K = p.coeff_count, padded = padded_columns(K + 1);
  const T* basis = static_cast<const T*>(p.basis);
  for (int64_t l = 0; l < count; ++l, to += padded) {
    if (l + kAhead < count)  // the rows are far apart: each would wait for memory
      for (int64_t k = 0; k < K; k += kLine) __builtin_prefetch(basis + (p.indices[first + l + kAhead] * 3 + d) * K + k);
    const int64_t row = p.indices[first + l] * 3 + d;
    to[0] = static_cast<const T*>(p.mean)[row];
    if (K > 0) __builtin_memcpy(to + 1, basis + row * K, K * sizeof(T));  // no memory at all without coefficients
    for (int64_t k = K + 1; k < padded; ++k) to[k] = 0;
  }
}

// Adds the moments of gathered columns to out (size, size), left of the diagonal and on it.
template <typename T>
void add_moments(const T* columns, int64_t count, int64_t size, T* product, T* out) {
  const int64_t padded = padded_columns(size);
  for (int64_t first = 0; first < size; first += kMomentRows) {
    const int64_t last = first + kMomentRows < size ? first + kMomentRows : size;
    multiply_transposed<T, kMomentRows>(columns + first, padded, columns, count, padded, last, product);
    for (int64_t i = first; i < last; ++i)
      for (int64_t j = 0; j <= i; ++j) out[i * size + j] += product[(i - first) * padded + j];
  }
}
}  // namespace

template <typename T>
void shape_moments(const ShapeMoments& p, T* scratch) {
  const int64_t size = p.coeff_count + 1;
  T *product = scratch, *columns = scratch + kMomentRows * padded_columns(size);
  for (int d = 0; d < 3; ++d) {
    T* out = static_cast<T*>(p.out) + d * size * size;
    for (int64_t i = 0; i < size * size; ++i) out[i] = 0;
    for (int64_t first = 0; first < p.count; first += kMomentPoints) {
      const int64_t count = p.count - first < kMomentPoints ? p.count - first : kMomentPoints;
      gather<T>(p, d, first, count, columns);
      add_moments<T>(columns, count, size, product, out);
    }
    for (int64_t i = 0; i < size; ++i)
      for (int64_t j = 0; j < i; ++j) out[j * size + i] = out[i * size + j];
  }
}

template void shape_moments<float>(const ShapeMoments&, float*);
template void shape_moments<double>(const ShapeMoments&, double*);
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
