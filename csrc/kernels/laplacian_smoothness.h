// Laplacian smoothness on a fixed mesh (Sorkine et al. 2004, "Laplacian Surface Editing", as a penalty):
//   loss[b] = sum_n q_n |D_n|^2,  D_n = sum_e w_e (V_j(e) - V_n) over the entries e of row n of the mesh's table,
// from differences of vertices, exact where they are close. The table has each edge in both of its rows, with one
// weight: vjp: grad_V_n = sum_e w_e (h_j(e) - h_n), h = 2 grad_loss q D, so that the backward gathers as well.
#pragma once
#include "kernels/simd.h"
#include "kernels/vector3.h"

namespace pyface3d {
template <typename T>
struct LaplacianSmoothness {  // contiguous, one scalar type
  const T* vertices;          // (B, N, 3)
  const int32_t* offsets;     // (N + 1,) row n of the table is [offsets[n], offsets[n + 1])
  const int32_t* neighbors;   // (E,)
  const T* weights;           // (E,), or null: ones
  const T* vertex_weights;    // (N,) q, or null: ones
  const T* grad_loss;         // (B,), backward only
  double* parts;              // (B, C): the sums of the chunks, forward only
  T* loss;                    // (B,), forward only
  T* grad_vertices;           // (B, N, 3), backward only
  int64_t batch, vertex_count, entry_count;
  int64_t block, reach;  // CPU only: the vertices of an item, and the most that one reads to come to their neighbors
};

// Vertices per partial sum: fixed, so that the sums do not depend on the number of threads.
constexpr int64_t kLaplacianChunk = 4096;

PYFACE3D_INLINE int64_t laplacian_chunks(int64_t vertex_count) {
  return (vertex_count + kLaplacianChunk - 1) / kLaplacianChunk;
}

PYFACE3D_DECLARE_LAUNCHERS(laplacian_smoothness, LaplacianSmoothness)

PYFACE3D_EACH_ISA(
    // Fills `block` and `reach`, of neighbors `distance` edges away: 1 forward, 2 backward.
    template <typename T> void laplacian_smoothness_plan(LaplacianSmoothness<T>& p, int distance);
    // Items are (as many faces as a vector has lanes, block of vertices) pairs; each thread wants its scratch.
    template <typename T> int64_t laplacian_smoothness_items(const LaplacianSmoothness<T>& p);
    template <typename T> int64_t laplacian_smoothness_scratch(const LaplacianSmoothness<T>& p);
    // Items [begin, end): fills their `parts`.
    template <typename T>
    void laplacian_smoothness_parts(const LaplacianSmoothness<T>& p, int64_t begin, int64_t end, T* scratch);
    // Adds the parts up: fills `loss`.
    template <typename T> void laplacian_smoothness_finish(const LaplacianSmoothness<T>& p);
    // Items [begin, end): fills their `grad_vertices`.
    template <typename T>
    void laplacian_smoothness_backward(const LaplacianSmoothness<T>& p, int64_t begin, int64_t end, T* scratch);)
}  // namespace pyface3d
