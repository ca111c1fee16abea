#include "kernels/shape_moments.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
// Coordinate d of the columns of `count` vertices from `first` on: (count, padded), whose padding is zero already.
template <typename T>
void gather(const ShapeMoments<T>& p, int64_t d, int64_t first, int64_t count, T* to) {
  constexpr int L = kLanes<T>;
  constexpr int64_t kAhead = 8, kLine = 64 / sizeof(T);
  const int64_t K = p.coeff_count, padded = padded_columns(K + 1);
  const T* basis = p.basis;
  for (int64_t l = 0; l < count; ++l, to += padded) {
    if (first + l + kAhead < p.count)  // the rows are far apart: each would wait for memory
      for (int64_t k = 0; k < K; k += kLine)
        __builtin_prefetch(basis + (p.indices[first + l + kAhead] * 3 + d) * K + k);
    const int64_t row = p.indices[first + l] * 3 + d;
    to[0] = p.mean[row];
    int64_t k = 0;  // too short for a call of memcpy
    for (; k + L <= K; k += L) store<T>(to + 1 + k, load<T>(basis + row * K + k));
    for (; k < K; ++k) to[1 + k] = basis[row * K + k];
  }
}

// Adds the moments of gathered columns to rows [first, last) of out (size, size), left of the diagonal and on it; last
// <= first + R.
template <typename T, int R>
void add_rows(const T* columns, int64_t count, int64_t size, int64_t first, int64_t last, T* product, T* out) {
  const int64_t padded = padded_columns(size);
  multiply_transposed<T, R>(columns + first, padded, columns, count, padded, last, product);
  for (int64_t i = first; i < last; ++i)
    for (int64_t j = 0; j <= i; ++j) out[i * size + j] += product[(i - first) * padded + j];
}

// The same for all rows: whole vectors of them, so that little right of the diagonal is computed, then a few at a time.
template <typename T>
void add_moments(const T* columns, int64_t count, int64_t size, T* product, T* out) {
  constexpr int kRows = kLanes<T> < 8 ? 8 : kLanes<T>, kLast = 4;
  static_assert(kRows <= kMomentRows, "the scratch holds kMomentRows rows");
  int64_t first = 0;
  for (; first + kRows <= size; first += kRows)
    add_rows<T, kRows>(columns, count, size, first, first + kRows, product, out);
  for (; first < size; first += kLast)
    add_rows<T, kLast>(columns, count, size, first, first + kLast < size ? first + kLast : size, product, out);
}
}  // namespace

template <typename T>
void shape_moments(const ShapeMoments<T>& p, T* scratch, int64_t begin, int64_t end) {
  const int64_t size = p.coeff_count + 1, padded = padded_columns(size);
  T *product = scratch, *columns = scratch + kMomentRows * padded;
  for (int64_t i = 0; i < kMomentPoints * padded; ++i) columns[i] = 0;
  for (int64_t d = begin; d < end; ++d) {
    T* out = p.out + d * size * size;
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

#define PYFACE3D_KERNELS(T) template void shape_moments<T>(const ShapeMoments<T>&, T*, int64_t, int64_t);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
