// Weak-perspective projection: V'[b, n] = M[b] V[b, n] + t[b] with pose[b] = [M | t], M = f R (3x3, or its first 2
// rows). vjp: grad_V = M^T grad_V'; grad_M = sum_n grad_V' V^T; grad_t = sum_n grad_V'. (3DDFA, Zhu et al. 2016, eq. 2;
// f Pr R S + t2d of MARN is the 2-row form.)
#pragma once
#include "kernels/inline.h"
#include "kernels/simd.h"

namespace pyface3d {
template <typename T>
struct ProjectWeakPerspective {       // contiguous, one scalar type
  const T* vertices;                  // (B, N, 3)
  const T* pose;                      // (B, R, 4)
  const T* grad_out;                  // (B, N, R), backward only
  T* out;                             // (B, N, R), forward only
  T* grad_vertices;                   // (B, N, 3)
  T* grad_pose_parts;                 // (B, C, R, 4): one partial sum per chunk of vertices
  int64_t batch, vertex_count, rows;  // B, N, R = 3 or 2
  bool want_vertices, want_pose;      // backward only: which gradients
};

// Vertices per partial sum: fixed, so that the sums do not depend on the number of threads.
constexpr int64_t kProjectChunk = 4096;

PYFACE3D_INLINE int64_t project_chunks(int64_t vertex_count) {
  return (vertex_count + kProjectChunk - 1) / kProjectChunk;
}

PYFACE3D_DECLARE_LAUNCHERS(project_weak_perspective, ProjectWeakPerspective)

PYFACE3D_EACH_ISA(
    // Items are (face, chunk of vertices) pairs, numbered face-major.
    template <typename T>
    void project_weak_perspective_forward(const ProjectWeakPerspective<T>& p, int64_t begin, int64_t end);
    template <typename T>
    void project_weak_perspective_backward(const ProjectWeakPerspective<T>& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
