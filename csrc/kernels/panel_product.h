// Products of rows with a matrix, sums[f, k] = sum_r rows[f, r] matrix[r, k]: a panel of columns is packed once and
// stays in cache while all faces pass over it; the sums of a few faces stay in registers.
#pragma once
#include "kernels/simd.h"

#ifdef PYFACE3D_ISA
namespace pyface3d {
namespace PYFACE3D_ISA {
constexpr int kPanelVectors = 3;                                  // of columns, at most
constexpr int kPanelFaces = PYFACE3D_VECTOR_BYTES == 64 ? 8 : 4;  // 3 sums each: 24 of 32 registers, 12 of 16

// Vectors of each panel: as few panels as fit K columns, all alike.
template <typename T>
inline int panel_vectors(int64_t columns) {
  const int64_t all = (columns + kLanes<T> - 1) / kLanes<T>, panels = (all + kPanelVectors - 1) / kPanelVectors;
  return panels ? static_cast<int>((all + panels - 1) / panels) : 1;
}

// `width` columns of one row from `column` on; those past the last are zero.
template <typename T>
inline void pack_panel_row(const T* row, int64_t columns, int64_t column, int64_t width, T* to) {
  const int64_t present = columns - column < width ? columns - column : width;
  for (int64_t k = 0; k < present; ++k) to[k] = row[column + k];
  for (int64_t k = present; k < width; ++k) to[k] = 0;
}

template <typename T>
struct Panel {       // packed, and what is multiplied with it
  const T* columns;  // (count, vectors * lanes)
  int64_t count;     // of rows of the matrix
  int vectors;
  const T* rows;  // (F, count), `stride` apart
  int64_t stride;
  T* out;  // (F, present), `out_stride` apart
  int64_t out_stride, present;
};

template <typename T, int F, int V>
inline void panel_sums(const Panel<T>& p, int64_t face) {
  constexpr int L = kLanes<T>;
  const T* rows = p.rows + face * p.stride;
  Vec<T> sums[F][V] = {};
  for (int64_t r = 0; r < p.count; ++r) {
    Vec<T> columns[V];
    for (int v = 0; v < V; ++v) columns[v] = load<T>(p.columns + (r * V + v) * L);
    for (int f = 0; f < F; ++f)
      for (int v = 0; v < V; ++v) sums[f][v] += columns[v] * rows[f * p.stride + r];
  }
  for (int f = 0; f < F; ++f) {
    T whole[V * L];
    for (int v = 0; v < V; ++v) store<T>(whole + v * L, sums[f][v]);
    for (int64_t k = 0; k < p.present; ++k) p.out[(face + f) * p.out_stride + k] = whole[k];
  }
}

template <typename T, int F>
inline void panel_faces(const Panel<T>& p, int64_t face) {
  if (p.vectors == 3) return panel_sums<T, F, 3>(p, face);
  if (p.vectors == 2) return panel_sums<T, F, 2>(p, face);
  panel_sums<T, F, 1>(p, face);
}

// All faces; how they are grouped does not change a face's sums.
template <typename T>
inline void multiply_panel(const Panel<T>& p, int64_t faces) {
  int64_t face = 0;
  for (; face + kPanelFaces <= faces; face += kPanelFaces) panel_faces<T, kPanelFaces>(p, face);
  for (; face + kPanelFaces / 2 <= faces; face += kPanelFaces / 2) panel_faces<T, kPanelFaces / 2>(p, face);
  for (; face < faces; ++face) panel_faces<T, 1>(p, face);
}
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
#endif
