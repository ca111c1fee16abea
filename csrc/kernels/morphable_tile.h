// Tiles of a morphable model, shared by the kernels that synthesise vertices on the fly.
// A packed tile holds kLanes vertices as [1 + K][xyz][lane]: the mean, then the basis columns.
#pragma once
#include "kernels/simd.h"

#ifdef PYFACE3D_ISA
namespace pyface3d {
namespace PYFACE3D_ISA {
template <typename T>
constexpr int64_t tile_size(int64_t coeff_count) {
  return (coeff_count + 1) * 3 * kLanes<T>;
}

// Packs the vertices [first, first + kLanes) of (mean, basis), or of their rows `indices`; missing ones become zero.
template <typename T>
inline void pack_tile(const T* mean, const T* basis, const int64_t* indices, int64_t coeff_count, int64_t first,
                      int64_t last, T* tile) {
  constexpr int L = kLanes<T>;
  const int64_t K = coeff_count;
  const int present = last - first < L ? static_cast<int>(last - first) : L;
  int64_t row[L];
  for (int i = 0; i < L; ++i) row[i] = i < present ? (indices ? indices[first + i] : first + i) : -1;
  for (int d = 0; d < 3; ++d) {
    for (int i = 0; i < L; ++i) tile[d * L + i] = i < present ? mean[row[i] * 3 + d] : T(0);
    int64_t k = 0;
    for (; k + L <= K; k += L) {
      Vec<T> block[L];
      for (int i = 0; i < L; ++i) block[i] = i < present ? load<T>(basis + (row[i] * 3 + d) * K + k) : Vec<T>{};
      transpose(block);
      for (int j = 0; j < L; ++j) store<T>(tile + ((k + j + 1) * 3 + d) * L, block[j]);
    }
    for (; k < K; ++k)
      for (int i = 0; i < L; ++i)
        tile[((k + 1) * 3 + d) * L + i] = i < present ? basis[(row[i] * 3 + d) * K + k] : T(0);
  }
}

// shape += basis c of one tile for F faces, whose coefficients are `stride` apart.
template <typename T, int F>
inline void add_basis(const T* tile, int64_t coeff_count, const T* coeffs, int64_t stride, Vec<T> (&shape)[F][3]) {
  constexpr int L = kLanes<T>;
  for (int64_t k = 0; k < coeff_count; ++k) {
    const T* column = tile + (k + 1) * 3 * L;
    const Vec<T> x = load<T>(column), y = load<T>(column + L), z = load<T>(column + 2 * L);
    for (int f = 0; f < F; ++f) {
      const T c = coeffs[f * stride + k];
      shape[f][0] += x * c;
      shape[f][1] += y * c;
      shape[f][2] += z * c;
    }
  }
}

// S = mean + basis c of one tile for F faces.
template <typename T, int F>
inline void synthesize_tile(const T* tile, int64_t coeff_count, const T* coeffs, int64_t stride,
                            Vec<T> (&shape)[F][3]) {
  for (int f = 0; f < F; ++f)
    for (int d = 0; d < 3; ++d) shape[f][d] = load<T>(tile + d * kLanes<T>);
  add_basis<T, F>(tile, coeff_count, coeffs, stride, shape);
}

// V = M S + t, pose = [M | t] row-major.
template <typename T>
inline void pose_tile(const T* pose, const Vec<T> (&shape)[3], Vec<T> (&posed)[3]) {
  for (int r = 0; r < 3; ++r)
    posed[r] = shape[0] * pose[r * 4] + shape[1] * pose[r * 4 + 1] + shape[2] * pose[r * 4 + 2] + pose[r * 4 + 3];
}

// h = M^T g.
template <typename T>
inline void unpose_tile(const T* pose, const Vec<T> (&grad)[3], Vec<T> (&out)[3]) {
  for (int d = 0; d < 3; ++d) out[d] = grad[0] * pose[d] + grad[1] * pose[4 + d] + grad[2] * pose[8 + d];
}

// Loads and stores of a tile of interleaved vertices whose last lanes may lie outside.
template <typename T>
inline void load_vertices(const T* from, int present, Vec<T> (&v)[3]) {
  constexpr int L = kLanes<T>;
  if (present >= L) return load_xyz<T>(from, v);
  T whole[3 * L] = {};
  for (int i = 0; i < 3 * present; ++i) whole[i] = from[i];
  load_xyz<T>(whole, v);
}

template <typename T>
inline void store_vertices(T* to, int present, const Vec<T> (&v)[3]) {
  constexpr int L = kLanes<T>;
  if (present >= L) return store_xyz<T>(to, v);
  T whole[3 * L];
  store_xyz<T>(whole, v);
  for (int i = 0; i < 3 * present; ++i) to[i] = whole[i];
}
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
#endif
