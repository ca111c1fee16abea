// Area-weighted vertex normals: n_v = s_v / |s_v| with s_v = sum over the triangles at v of (v1 - v0) x (v2 - v0); 0
// where |s_v| = 0. vjp, with n and 1 / |s| as the forward gave them: grad_s = (grad_n - n (n . grad_n)) / |s|; of c =
// e1 x e2: grad_e1 = e2 x grad_c, grad_e2 = grad_c x e1, grad_c = sum of grad_s over the three corners.
#pragma once
#include "kernels/simd.h"
#include "kernels/vector3.h"

namespace pyface3d {
template <typename T>
struct VertexNormals {             // contiguous, one scalar type
  const T* vertices;               // (B, N, 3)
  const int64_t* triangles;        // (F, 3)
  T* normals;                      // (B, N, 3), forward only
  T* inverse_lengths;              // (B, N) 1 / |s|, or 0; forward only, if wanted
  const T* grad_normals;           // (B, N, 3), backward only
  const T* saved_normals;          // (B, N, 3), backward only
  const T* saved_inverse_lengths;  // (B, N), backward only
  T* grad_vertices;                // (B, N, 3), backward only
  T* grad_sums;                    // (B, N, 3) CUDA workspace, backward only
  uint32_t* incidence;             // CUDA table of N cells and 3 F items, and workspace to make it: incidence.cuh
  int64_t batch, vertex_count, triangle_count;
  bool want_inverse_lengths;  // forward only: whether a backward will follow
  bool has_incidence;         // forward only: it is made already, and only read
};

PYFACE3D_DECLARE_LAUNCHERS(vertex_normals, VertexNormals)

PYFACE3D_EACH_ISA(
    // Faces [begin, end), each summed in the order of its triangles; triangles with a vertex that is not finite count
    // for nothing. scratch: (N, 4) per thread, (2, N, 4) in the backward.
    template <typename T>
    void vertex_normals_forward(const VertexNormals<T>& p, int64_t begin, int64_t end, T* scratch);
    template <typename T>
    void vertex_normals_backward(const VertexNormals<T>& p, int64_t begin, int64_t end, T* scratch);)
}  // namespace pyface3d
