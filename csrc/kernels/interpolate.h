// Attributes at the pixels of rasterize: out[b, y, x] = sum_i bary_i attributes[b, triangle_i], 0 where there is no
// triangle. vjp: grad_bary_i = attributes_i . grad_out; grad_attributes_i += bary_i grad_out.
#pragma once
#include "kernels/inline.h"
#include "kernels/simd.h"

namespace pyface3d {
template <typename T>
struct Interpolate {                              // contiguous, one scalar type
  const T* attributes;                            // (B, N, C), or (N, C) shared by all faces
  const int32_t* triangle_ids;                    // (B, H, W), negative: none
  const T* barycentrics;                          // (B, H, W, 3)
  const int64_t* triangles;                       // (F, 3)
  const T* grad_out;                              // (B, H, W, C), backward only
  T* out;                                         // (B, H, W, C), forward only
  T* grad_barycentrics;                           // (B, H, W, 3), backward only
  T* grad_attributes;                             // (B, N, C), backward only: per face also where attributes are shared
  uint32_t* gathering;                            // CUDA workspace: pixel_gather.cuh, backward only
  int64_t batch, pixels, vertex_count, channels;  // B, H W, N, C
  int64_t triangle_count;                         // F
  bool shared;                                    // attributes are (N, C)
  bool want_attributes, want_barycentrics;        // backward only: which gradients
};

PYFACE3D_DECLARE_LAUNCHERS(interpolate, Interpolate)

PYFACE3D_EACH_ISA(
    // Pixels [begin, end) of all faces.
    template <typename T> void interpolate_forward(const Interpolate<T>& p, int64_t begin, int64_t end);
    template <typename T> void interpolate_grad_barycentrics(const Interpolate<T>& p, int64_t begin, int64_t end);
    // All gradients of faces [begin, end), each summed in pixel order; scratch (N, 4) per thread.
    template <typename T> void interpolate_backward(const Interpolate<T>& p, int64_t begin, int64_t end, T* scratch);)
}  // namespace pyface3d
