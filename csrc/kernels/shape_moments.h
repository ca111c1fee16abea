// Uncentred moments of a model's columns [mean | basis] over few vertices, per coordinate d = x, y, z:
//   out[d, i, j] = sum_l column_i[n_l, d] column_j[n_l, d],  n = indices.
// What WPDC's norms are made of where vertices are resampled at every step (wpdc_loss.h); no gradient.
#pragma once
#include "kernels/small_matrix.h"

namespace pyface3d {
template <typename T>
struct ShapeMoments {          // contiguous, one scalar type
  const T* mean;               // (N, 3)
  const T* basis;              // (N, 3, K)
  const int64_t* indices;      // (L,)
  T* out;                      // (3, K + 1, K + 1)
  int64_t count, coeff_count;  // L, K
  int64_t row_count;           // N
};

constexpr int64_t kMomentPoints = 128;  // vertices gathered together: their columns fit the first-level cache
constexpr int64_t kMomentRows = 16;     // rows of the product that share each load, at most
// Elements of scratch: the gathered columns, with room for the last rows' overhang, and a part of the product.
inline int64_t shape_moments_scratch(int64_t coeff_count) {
  return (kMomentPoints + kMomentRows) * padded_columns(coeff_count + 1) + kMomentRows;
}

template <typename T>
const char* shape_moments_cuda(const ShapeMoments<T>& p, void* stream);

PYFACE3D_EACH_ISA(
    // Coordinates [begin, end); shape_moments_scratch elements.
    template <typename T> void shape_moments(const ShapeMoments<T>& p, T* scratch, int64_t begin, int64_t end);)
}  // namespace pyface3d
