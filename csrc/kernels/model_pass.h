// One pass over a face model for all faces of a batch, on CUDA: how the work is cut, and what workspace it needs.
#pragma once
#include <cstdint>

#include "kernels/inline.h"

namespace pyface3d {
constexpr int64_t kPassWarps = 4, kWarpFaces = 16, kWarpVertices = 8;  // a block has 4 warps of 16 faces x 8 vertices
constexpr int64_t kPassItems = 396;                                    // wanted: three blocks for each of 132 SMs
constexpr int64_t kPassLeast = 64;                                     // vertices a slab has at least

struct PassShape {
  int64_t batch, vertex_count, coeff_count;
  int64_t split;   // warps that share their faces and take other vertices: small batches fill a block as well
  int64_t faces;   // of a block
  int64_t groups;  // of so many faces
  int64_t panel;   // columns of the gradient that an item makes
  int64_t panels;  // of so many columns, at least one
  int64_t slab;    // vertices of an item: a whole number of tiles
  int64_t slabs;

  // `panel` depends on the type alone, and nothing here on the device: the sums have the same bits everywhere.
  PYFACE3D_INLINE PassShape(int64_t batch_, int64_t vertex_count_, int64_t coeff_count_, int64_t panel_, bool gradient)
      : batch(batch_), vertex_count(vertex_count_), coeff_count(coeff_count_), panel(panel_) {
    split = batch <= kWarpFaces ? 4 : batch <= 2 * kWarpFaces ? 2 : 1;
    faces = kPassWarps / split * kWarpFaces;
    groups = (batch + faces - 1) / faces;
    panels = coeff_count > panel ? (coeff_count + panel - 1) / panel : 1;
    const int64_t tile = kWarpVertices * split, parallel = groups * panels, even = vertex_count * parallel / kPassItems;
    slab = (even < kPassLeast ? kPassLeast : even + tile - 1) / tile * tile;
    slabs = (vertex_count + slab - 1) / slab;
    if (!gradient) panels = 1;
  }

  PYFACE3D_INLINE int64_t rows() const { return slabs * split; }  // of partial sums, for each face
  PYFACE3D_INLINE int64_t steps() const { return (coeff_count + 7) / 8; }
  // Elements of the coefficients in the order in which the lanes read them, for `products` sets of coefficients.
  PYFACE3D_INLINE int64_t fragments(int64_t products) const {
    return (batch + kWarpFaces - 1) / kWarpFaces * steps() * 32 * 4 * products;
  }
};

template <typename T>  // columns of the gradient an item makes: its sums stay in registers
constexpr int64_t kPassPanel = sizeof(T) == 4 ? 64 : 32;
}  // namespace pyface3d
