#include "kernels/shape_moments.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
// Coordinate d of the columns of `count` vertices from `first` on: (count, padded).
template <typename T>
void gather(const ShapeMoments& p, int d, int64_t first, int64_t count, T* to) {
  const int64_t K = p.coeff_count, padded = padded_columns(K + 1);
  for (int64_t l = 0; l < count; ++l, to += padded) {
    const int64_t row = p.indices[first + l] * 3 + d;
    const T* from = static_cast<const T*>(p.basis) + row * K;
    to[0] = static_cast<const T*>(p.mean)[row];
    for (int64_t k = 0; k < K; ++k) to[k + 1] = from[k];
    for (int64_t k = K + 1; k < padded; ++k) to[k] = 0;
  }
}
}  // namespace

template <typename T>
void shape_moments(const ShapeMoments& p, T* scratch) {
  const int64_t size = p.coeff_count + 1, padded = padded_columns(size);
  T *product = scratch, *columns = scratch + kMomentRows * padded, *out = static_cast<T*>(p.out);
  for (int64_t i = 0; i < 3 * size * size; ++i) out[i] = 0;
  for (int64_t first = 0; first < p.count; first += kMomentPoints) {
    const int64_t count = p.count - first < kMomentPoints ? p.count - first : kMomentPoints;
    for (int d = 0; d < 3; ++d) {
      gather<T>(p, d, first, count, columns);
      for (int64_t row = 0; row < size; row += kMomentRows) {
        multiply_transposed<T, kMomentRows>(columns + row, padded, columns, count, padded, product);
        for (int64_t r = 0; r < kMomentRows && row + r < size; ++r)
          for (int64_t j = 0; j < size; ++j) out[(d * size + row + r) * size + j] += product[r * padded + j];
      }
    }
  }
}

template void shape_moments<float>(const ShapeMoments&, float*);
template void shape_moments<double>(const ShapeMoments&, double*);
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
