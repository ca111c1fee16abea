// Penalty (penalty.h: Wing, L1, smooth L1 or L2) on the posed dense vertices of two faces, straight from parameters:
//   loss[b] = sum_n weight[n] sum_r f(e_r),  e = M (mean + A c) + t - M' (mean + A c') - t'  at vertex n,
// with [M | t] = pose[b], c = coeffs[b], primes for the target. It is evaluated from differences, exact near e = 0:
//   e = M U + (M - M') S' + (t - t'),  U = A (c - c'),  S' = mean + A c'.
// vjp, made in the same pass, with g = weight f'(e) and S = S' + U:
//   grad_t = sum_n g,  grad_M = sum_n g S^T,  grad_c = sum_n A^T M^T g;  the backward only scales them by grad_loss.
// CPU scheme: a group of vertices is packed once and stays in cache while all faces pass over it; no (B, N, 3) is
// written. A slab of groups has sums of its own, added up in a fixed order at the end.
#pragma once
#include "kernels/inline.h"
#include "kernels/model_pass.h"
#include "kernels/penalty.h"

namespace pyface3d {
template <typename T>
struct WingVertexLoss {    // contiguous, one scalar type
  const T* mean;           // (N, 3)
  const T* basis;          // (N, 3, K)
  const int64_t* indices;  // (L,) the vertices that count, or null: all, L = N
  const T* weights;        // (L,), or null: ones
  const T* coeffs;         // (B, K)
  const T* pose;           // (B, 3, 4)
  const T* target_coeffs;  // (B, K)
  const T* target_pose;    // (B, 3, 4)
  T* difference;   // workspace: (B, K) c - c', then (B, 3, 4) [M - M' | t - t']; CUDA: model_pass.h, two products
  T* sums;         // workspace: (slabs, B, 13 + K) loss, grad_pose, grad_coeffs; CUDA: the pass's rows for slabs
  T* loss;         // (B,)
  T* grad_coeffs;  // (B, K)
  T* grad_pose;    // (B, 3, 4)
  int64_t batch, vertex_count, coeff_count;  // B, L, K
  int64_t row_count;                         // N
  PenaltyShape penalty;
  bool want_grad;
};

constexpr int64_t kWingGroup = 256;  // vertices packed together: they fit the second-level cache
constexpr int64_t kWingSlabs = 64;   // at most: bounds the workspace, and the number of threads that can help

// Vertices per slab: a function of L alone, so that the sums do not depend on the number of threads.
PYFACE3D_INLINE int64_t wing_vertex_slab(int64_t vertices) {
  return (vertices + kWingSlabs * kWingGroup - 1) / (kWingSlabs * kWingGroup) * kWingGroup;
}
PYFACE3D_INLINE int64_t wing_vertex_slabs(int64_t vertices) {
  return vertices ? (vertices - 1) / wing_vertex_slab(vertices) + 1 : 0;
}

// How CUDA cuts the work.
template <typename T>
PYFACE3D_INLINE PassShape wing_vertex_pass(const WingVertexLoss<T>& p) {
  return PassShape(p.batch, p.vertex_count, p.coeff_count, kPassPanel<T>, p.want_grad);
}

template <typename T>
const char* wing_vertex_loss_forward_cuda(const WingVertexLoss<T>& p, void* stream);
// out[i] = grad_loss[i / width] * gradient[i].
template <typename T>
const char* wing_vertex_loss_scale_cuda(const T* grad_loss, const T* gradient, int64_t count, int64_t width, T* out,
                                        void* stream);

PYFACE3D_EACH_ISA(
    // Elements of T that one thread needs.
    template <typename T> int64_t wing_vertex_loss_scratch(const WingVertexLoss<T>& p);
    // Fills `difference`.
    template <typename T> void wing_vertex_loss_prepare(const WingVertexLoss<T>& p);
    // Slabs [begin, end): fills their `sums`.
    template <typename T>
    void wing_vertex_loss_slabs(const WingVertexLoss<T>& p, T* scratch, int64_t begin, int64_t end);
    // Adds the slabs up: fills the outputs.
    template <typename T> void wing_vertex_loss_finish(const WingVertexLoss<T>& p);
    // The backward: out[b] = grad_loss[b] * gradient[b], rows of `width` elements.
    template <typename T>
    void wing_vertex_loss_scale(const T* grad_loss, const T* gradient, int64_t batch, int64_t width, T* out);)
}  // namespace pyface3d
