// Gradients at pixels gathered to the vertices of the triangle that each pixel shows: out[b, n] = the sum, over the
// pixels of face b whose triangle has vertex n as corner k, of bary_k grad[b, pixel].
#pragma once
#include "kernels/cuda.cuh"

namespace pyface3d {
struct ShownTriangles {
  const int32_t* triangle_ids;  // (B, H, W), negative: none
  const int64_t* triangles;     // (F, 3)
  uint32_t* words;              // workspace: B tables of N cells and 3 H W items, then the busy vertices
  int64_t batch, pixels, vertex_count, triangle_count;

  // The triangle of a pixel, null where there is none. One that does not exist, or has a vertex that does not, counts
  // as none: it cannot be reported without waiting for the device.
  __device__ __forceinline__ const int64_t* triangle_at(int64_t pixel) const {
    const int32_t id = triangle_ids[pixel];
    if (id < 0 || id >= triangle_count) return nullptr;
    const int64_t* corners = triangles + id * int64_t{3};
    bool inside = true;
    for (int k = 0; k < 3; ++k) inside &= corners[k] >= 0 && corners[k] < vertex_count;
    return inside ? corners : nullptr;
  }
};

template <typename T>
struct PixelGather {  // contiguous, one scalar type
  ShownTriangles shown;
  const T* barycentrics;  // (B, H, W, 3)
  const T* grad;          // (B, H, W, C), read where there is a triangle
  T* out;                 // (B, N, C)
  int64_t channels;
};

template <typename T>
const char* gather_pixels(const PixelGather<T>& p, void* stream);
}  // namespace pyface3d
