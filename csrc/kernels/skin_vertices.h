// Linear blend skinning (Magnenat-Thalmann et al. 1988; SMPL, Loper et al. 2015, eq. 7): M[b, n] = sum_j w[j, n] A[b,
// j], out = M (V, 1), A[b, j] (3, 4). vjp: grad_V = M_3x3^T g; grad_A[b, j] = sum_n w[j, n] g (V, 1)^T. Weights have no
// gradient: they are the rig's.
#pragma once
#include "kernels/inline.h"
#include "kernels/simd.h"

namespace pyface3d {
template <typename T>
struct SkinVertices {                        // contiguous, one scalar type
  const T* vertices;                         // (B, N, 3) at rest
  const T* weights;                          // (J, N): of each joint, so that vertices fill lanes
  const T* transforms;                       // (B, J, 3, 4)
  const T* grad_out;                         // (B, N, 3), backward only
  T* out;                                    // (B, N, 3), forward only
  T* grad_vertices;                          // (B, N, 3)
  T* grad_transform_parts;                   // (B, C, J, 3, 4): one partial sum per chunk of vertices
  int64_t batch, vertex_count, joint_count;  // B, N, J
  bool want_vertices, want_transforms;       // backward only: which gradients
};

// Vertices per partial sum: fixed, so that the sums do not depend on the number of threads.
constexpr int64_t kSkinChunk = 1024;

PYFACE3D_INLINE int64_t skin_chunks(int64_t vertex_count) { return (vertex_count + kSkinChunk - 1) / kSkinChunk; }

PYFACE3D_DECLARE_LAUNCHERS(skin_vertices, SkinVertices)

PYFACE3D_EACH_ISA(
    // Elements of T that one thread of the backward pass needs.
    template <typename T> int64_t skin_vertices_scratch(const SkinVertices<T>& p);
    // Items are (face, chunk of vertices) pairs, numbered face-major.
    template <typename T> void skin_vertices_forward(const SkinVertices<T>& p, int64_t begin, int64_t end);
    template <typename T>
    void skin_vertices_backward(const SkinVertices<T>& p, T* scratch, int64_t begin, int64_t end);)
}  // namespace pyface3d
