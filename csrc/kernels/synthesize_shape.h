// Shape synthesis of a 3D Morphable Model, with the projection fused (Blanz & Vetter 1999; 3DDFA eq. 1-2):
//   S[b, n] = mean[n] + basis[n] c[b],   V[b, n] = M[b] S[b, n] + t[b],   pose[b] = [M | t] (identity when absent).
// vjp, with h = M^T grad_V:  grad_c = sum_n basis[n]^T h[n];  grad_M = sum_n grad_V[n] S[n]^T;  grad_t = sum_n
// grad_V[n];
//   grad_mean[n] = sum_b h[b, n];  grad_basis[n] = sum_b h[b, n] c[b]^T.
// CPU scheme: a block of vertices is packed once to [tile][k][xyz][lane] and stays in cache while all faces pass over
// it; without a pose, grad_c is a product of matrices (panel_product.h).
#pragma once
#include "kernels/inline.h"
#include "kernels/model_pass.h"
#include "kernels/simd.h"
#include "kernels/vector3.h"

namespace pyface3d {
template <typename T>
struct SynthesizeShape {   // contiguous, one scalar type
  const T* mean;           // (N, 3)
  const T* basis;          // (N, 3, K)
  const T* coeffs;         // (B, K)
  const T* pose;           // (B, 3, 4), or null: unposed
  const int64_t* indices;  // (L,) rows of mean and basis, or null: all, L = N
  const T* grad_out;       // (B, L, 3), backward only
  T* out;                  // (B, L, 3), forward only
  T* grad_parts;           // (C, B, K + 12): grad_coeffs and grad_pose of each chunk of vertices; CUDA: (1, B, K + 12)
  T *fragments, *sums;     // CUDA workspace: coefficients and (rows, B, 12 + K) of synthesize_pass
  T* grad_mean;            // (L, 3)
  T* grad_basis;           // (L, 3, K)
  int64_t batch, coeff_count, vertex_count;  // B, K, L
  int64_t row_count;                         // N
  bool want_params, want_mean, want_basis;   // backward only: which gradients
};

constexpr int64_t kSynthesizeBlock = 64;      // vertices packed together; a multiple of every lane count
constexpr int64_t kSynthesizeChunk = 64 * 8;  // vertices per partial sum: fixed, so threads do not change the bits
constexpr int64_t kSynthesizeFaces = 128;     // faces per backward item: bounds its scratch memory

PYFACE3D_INLINE int64_t synthesize_blocks(int64_t vertices) {
  return (vertices + kSynthesizeBlock - 1) / kSynthesizeBlock;
}
PYFACE3D_INLINE int64_t synthesize_chunks(int64_t vertices) {
  return (vertices + kSynthesizeChunk - 1) / kSynthesizeChunk;
}
PYFACE3D_INLINE int64_t synthesize_face_groups(int64_t batch) {
  return (batch + kSynthesizeFaces - 1) / kSynthesizeFaces;
}

// How CUDA cuts the backward's work.
template <typename T>
PYFACE3D_INLINE PassShape synthesize_pass(const SynthesizeShape<T>& p) {
  return PassShape(p.batch, p.vertex_count, p.coeff_count, kPassPanel<T>, true);
}

// Row r of M, of a face's pose (3, 4) = [M | t].
template <typename T>
PYFACE3D_INLINE Vector3<T> pose_row(const T* pose, int64_t face, int r) {
  const T* row = pose + face * 12 + r * 4;
  return {row[0], row[1], row[2]};
}

PYFACE3D_DECLARE_LAUNCHERS(synthesize_shape, SynthesizeShape)

PYFACE3D_EACH_ISA(
    // Elements of T that one thread needs; `backward`: for synthesize_shape_backward.
    template <typename T> int64_t synthesize_shape_scratch(const SynthesizeShape<T>& p, bool backward);
    // Items are blocks of vertices.
    template <typename T>
    void synthesize_shape_forward(const SynthesizeShape<T>& p, T* scratch, int64_t begin, int64_t end);
    // Items are (chunk of vertices, group of faces) pairs, numbered chunk-major; fills grad_parts.
    template <typename T>
    void synthesize_shape_backward(const SynthesizeShape<T>& p, T* scratch, int64_t begin, int64_t end);
    // Items are blocks of vertices; fills grad_mean and grad_basis.
    template <typename T>
    void synthesize_shape_backward_model(const SynthesizeShape<T>& p, T* scratch, int64_t begin, int64_t end);)
}  // namespace pyface3d
