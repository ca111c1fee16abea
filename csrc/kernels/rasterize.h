// Orthographic z-buffer: for every pixel centre (integer x, y; y down) the nearest triangle (largest z), its
// barycentrics there and the depth z = sum_i b_i z_i. Of equally near triangles the first wins. Coverage is exact:
// vertices are snapped to 1/4096 pixel and edges tested in 64-bit integers with the top-left rule, so a pixel on an
// edge shared by two triangles belongs to exactly one. Barycentrics and depth use the vertices as given. vjp (interior
// only): with G = sum_i g_i grad_p b_i,  grad_xy v_j = -b_j G,  grad_z v_j = b_j grad_z,  g_i = grad_b_i + z_i grad_z.
#pragma once
#include "kernels/inline.h"
#include "kernels/simd.h"
#include "kernels/vector3.h"

namespace pyface3d {
struct RasterizeWorkspace {  // CUDA only
  void* snapped;             // (B, N) SnappedVertex
  unsigned long long* keys;  // (B, H, W) the best bid for each pixel
  int32_t* listed;           // (B, F) ids of middling triangles from the front, of large ones from the back
  int32_t* listed_count;     // (B, 2) how many of each
  const int64_t* triangles;  // (F, 3), backward only
  void* pixel_grads;         // (B, H, W, 3), backward only
  uint32_t* gathering;       // pixel_gather.cuh, backward only
};

template <typename T>
struct Rasterize {             // contiguous, one scalar type
  const T* vertices;           // (B, N, 3) image frame
  const int32_t* corners;      // (3, F): row c holds corner c of every triangle
  const T* grad_barycentrics;  // (B, H, W, 3), backward only
  const T* grad_depth;         // (B, H, W), backward only
  int32_t* triangle_ids;       // (B, H, W); read by the backward
  T* barycentrics;             // (B, H, W, 3); read by the backward
  T* depth;                    // (B, H, W), forward only
  T* grad_vertices;            // (B, N, 3), backward only
  int64_t batch, vertex_count, triangle_count, height, width;
  RasterizeWorkspace workspace;
  bool cull_backfaces;  // leave out triangles that look clockwise
};

constexpr int64_t kRasterizeMaxSize = 32767;  // pixels a side: cells are packed in 16 bits
constexpr int kSubpixelBits = 12;
constexpr int32_t kSubpixels = 1 << kSubpixelBits;
constexpr int32_t kReach = 1 << 17;       // pixels; a vertex farther out cannot be drawn (products stay below 2^63)
constexpr int32_t kNowhere = -(1 << 30);  // snapped x of a vertex that cannot be drawn

struct SnappedVertex {  // in 1/4096 pixel
  int32_t x, y;
};

template <typename T>
PYFACE3D_INLINE SnappedVertex snap_vertex(T x, T y, T z) {
  const T reach = static_cast<T>(kReach), half = static_cast<T>(0.5), scale = static_cast<T>(kSubpixels);
  const bool drawable =
      (x >= -reach) & (x <= reach) & (y >= -reach) & (y <= reach) & (z - z == 0);  // false for NaN, inf
  const T sx = drawable ? x * scale : 0, sy = drawable ? y * scale : 0;
  const int32_t ix = static_cast<int32_t>(sx + (sx < 0 ? -half : half));
  const int32_t iy = static_cast<int32_t>(sy + (sy < 0 ? -half : half));
  return {drawable ? ix : kNowhere, iy};
}

// The first pixel at or after a snapped coordinate, within [low, high]. By the top-left rule a triangle can own only
// the pixels from cell(min) to cell(max) - 1: none where its corners share a cell.
PYFACE3D_INLINE int32_t pixel_cell(int32_t snapped, int32_t low, int32_t high) {
  const int32_t cell = (snapped + (kSubpixels - 1)) >> kSubpixelBits;
  return cell < low ? low : cell > high ? high : cell;
}

// Twice the area of (a, b, c), exact; positive where the corners look clockwise (y down).
PYFACE3D_INLINE int64_t doubled_area(SnappedVertex a, SnappedVertex b, SnappedVertex c) {
  return static_cast<int64_t>(b.x - a.x) * (c.y - a.y) - static_cast<int64_t>(b.y - a.y) * (c.x - a.x);
}

// Whether a pixel exactly on the edge a -> b of a clockwise triangle is its own: top and left edges own theirs.
PYFACE3D_INLINE bool owns_edge(SnappedVertex a, SnappedVertex b) { return b.y < a.y || (b.y == a.y && b.x > a.x); }

template <typename T>
struct Barycentric {
  T b0, b1, b2;
};

// a * b. On a GPU rounded by itself in float64: two passes compare depths bit by bit, and no compiler promises to fuse
// the same multiplications and additions in both.
template <typename T>
PYFACE3D_INLINE T product(T a, T b) {
#ifdef __CUDA_ARCH__
  if constexpr (sizeof(T) == 8) return __dmul_rn(a, b);
#endif
  return a * b;
}

// A triangle's corner 0 and its two edges from there.
template <typename T>
struct TrianglePlane {
  T x, y, z, x1, y1, z1, x2, y2, z2;
  T inverse_area;  // 1 / (e1 x e2), 0 for a degenerate triangle

  PYFACE3D_INLINE TrianglePlane(const T* v0, const T* v1, const T* v2)
      : x(v0[0]),
        y(v0[1]),
        z(v0[2]),
        x1(v1[0] - x),
        y1(v1[1] - y),
        z1(v1[2] - z),
        x2(v2[0] - x),
        y2(v2[1] - y),
        z2(v2[2] - z) {
    const T area = product(x1, y2) - product(y1, x2), least = static_cast<T>(1) / (kSubpixels * kSubpixels);
    inverse_area = area > least || area < -least ? 1 / area : 0;
  }

  // Of a pixel that snapping put inside the triangle, the true barycentrics can lie a hair outside: they are clamped.
  PYFACE3D_INLINE Barycentric<T> at(T px, T py) const {
    const T dx = px - x, dy = py - y;
    T b1 = product(product(dx, y2) - product(dy, x2), inverse_area);
    T b2 = product(product(x1, dy) - product(y1, dx), inverse_area), b0 = 1 - b1 - b2;
    if (b0 < 0 || b1 < 0 || b2 < 0) {
      b0 = b0 > 0 ? b0 : 0, b1 = b1 > 0 ? b1 : 0, b2 = b2 > 0 ? b2 : 0;
      const T scale = 1 / (b0 + b1 + b2);
      b0 = product(b0, scale), b1 = product(b1, scale), b2 = product(b2, scale);
    }
    return {b0, b1, b2};
  }

  PYFACE3D_INLINE T depth(const Barycentric<T>& b) const { return z + product(b.b1, z1) + product(b.b2, z2); }

  // vjp of at() and depth() at a pixel: vertex j gets b_j times this.
  PYFACE3D_INLINE Vector3<T> grad(const T* grad_b, T grad_z) const {
    const T g1 = (grad_b[1] - grad_b[0] + grad_z * z1) * inverse_area;
    const T g2 = (grad_b[2] - grad_b[0] + grad_z * z2) * inverse_area;
    return {-(g1 * y2 - g2 * y1), -(g2 * x1 - g1 * x2), grad_z};  // -G above
  }
};

struct RasterizeScratch {  // one per thread
  SnappedVertex* snapped;  // (N,)
  uint32_t* cells;         // (N,): pixel cell, x in the low and y in the high 16 bits
};

PYFACE3D_DECLARE_LAUNCHERS(rasterize, Rasterize)

PYFACE3D_EACH_ISA(
    // Rows [row_begin, row_end) of one face; the result does not depend on how rows are cut into bands.
    template <typename T> void rasterize_rows(const Rasterize<T>& p, const RasterizeScratch& scratch, int64_t face,
                                              int64_t row_begin, int64_t row_end);
    // Faces [begin, end), each summed in pixel order.
    template <typename T> void rasterize_backward(const Rasterize<T>& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
