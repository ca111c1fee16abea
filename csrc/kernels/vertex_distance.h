// Weighted squared distance between two posed faces, sum_n w_n |V_n - V'_n|^2, without their vertices.
// With a = [1, coeffs], M and t of pose = [M | t], and primes for the target, face b has per pose row r
//   D_r = M_r (x) a - M'_r (x) a'  (X (K + 1) numbers, x-major),  e_r = t_r - t'_r + D_r . m,
//   distance = sum_r D_r C D_r^T + W e_r^2,
// where gram = [[C, 0], [m, W]]: C the weighted covariance of the columns [mean | basis] over the vertices, m their
// weighted mean, W the sum of the weights. D is formed from differences, which stays exact where the faces are close:
//   D_r = M_r (x) (a - a') + (M_r - M'_r) (x) a'.
// vjp, with slope_r = [D_r C + W e_r m, W e_r] saved by the forward pass and g = 2 grad_out:
//   grad_M = g sum_k slope_r a, grad_a = g sum_rx slope_r M, grad_t = g W e_r; for the target the same with a', M' and
//   the sign turned.
// Shapes that are not posed are the case R = X = 1, pose = [1 | 0], with C and m summed over x, y, z.
#pragma once
#include "kernels/small_matrix.h"

namespace pyface3d {
template <typename T>
struct VertexDistance {    // contiguous, one scalar type; J = X (K + 1)
  const T* gram;           // (J + 1, J + 1)
  const T* coeffs;         // (B, K)
  const T* pose;           // (B, R, X + 1)
  const T* target_coeffs;  // (B, K)
  const T* target_pose;    // (B, R, X + 1)
  const T* grad_out;       // (B,), backward only
  T* columns;              // workspace: (J, padded J), C with its rows padded to whole vectors; CUDA: (B, R, J), D
  T* distance;             // (B,), forward only
  T* slope;                // (B, R, J + 1), written forward, read backward
  T* grad_coeffs;          // (B, K), backward only, as all below
  T* grad_pose;            // (B, R, X + 1)
  T* grad_target_coeffs;   // (B, K), where wanted, as the next
  T* grad_target_pose;     // (B, R, X + 1)
  int64_t batch, rows, axes, coeff_count;  // B, R, X, K
  bool want_target;                        // backward only: whether the target's gradients are wanted
};

constexpr int64_t kDistanceFaces = 4;  // faces that share each load of C
inline int64_t distance_blocks(int64_t batch) { return (batch + kDistanceFaces - 1) / kDistanceFaces; }
// Scratch of one thread, in scalars: D of a block, rows innermost and outermost, and D C.
inline int64_t distance_scratch(int64_t columns, int64_t rows) {
  return 3 * padded_columns(columns) * rows * kDistanceFaces;
}

PYFACE3D_DECLARE_LAUNCHERS(vertex_distance, VertexDistance)

PYFACE3D_EACH_ISA(template <typename T> void vertex_distance_prepare(const VertexDistance<T>& p);
                  // Blocks [begin, end) of kDistanceFaces faces.
                  template <typename T>
                  void vertex_distance_forward(const VertexDistance<T>& p, T* scratch, int64_t begin, int64_t end);
                  // Faces [begin, end).
                  template <typename T>
                  void vertex_distance_backward(const VertexDistance<T>& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
