// Weighted parameter distance cost (3DDFA, Zhu et al. 2016, eq. 9-10, as its published code computes it). For a face
// with whitened parameters p, target g, E = 12 + K entries, D_i = std_i |p_i - g_i|, and target shape X = mean + basis
// c:
//   w_i = D_i |X_d|           pose entries, row-major 3x4, in column d = x, y, z
//         D_i sqrt(points)    pose entries of t_x, t_y; t_z: 0, as nothing depends on it
//         scale D_i |basis_k| coefficients, |.| over all vertices and coordinates
//   w <- (w + epsilon) / max (w + epsilon), t_z: 0;     loss = sum_i w_i (p_i - g_i)^2 / E.
// |X_d|^2 = q^T axes_d q with q = [1, c], and |basis_k|^2 = sum_d axes_d[k, k]: no vertex is made.
// vjp (w counts as constant): grad_p = 2 grad_loss w (p - g) / E, grad_g = -grad_p. Entries beyond E (texture) are left
// out.
#pragma once
#include "kernels/small_matrix.h"

namespace pyface3d {
template <typename T>
struct WpdcLoss {                           // contiguous, one scalar type
  const T* pred;                            // (B, P) whitened
  const T* target;                          // (B, P) whitened
  const T* mean;                            // (P,), forward only, as the next two
  const T* std;                             // (P,)
  const T* axes;                            // (3, K + 1, K + 1) moments of the columns [mean | basis] per coordinate
  const T* grad_loss;                       // (B,), backward only
  T* weights;                               // (B, P), written forward, read backward
  T* loss;                                  // (B,), forward only
  T* grad_pred;                             // (B, P), backward only
  int64_t batch, param_count, coeff_count;  // B, P, K
  double points, scale, epsilon;
};

constexpr int64_t kWpdcFaces = 16;  // that the CPU takes side by side, at most: one per vector lane
// Elements per CPU thread: parameters of a block of faces three times, its [1, c], and the columns' norms.
inline int64_t wpdc_scratch(int64_t param_count, int64_t coeff_count) {
  return kWpdcFaces * (3 * padded_columns(param_count) + coeff_count + 1) + coeff_count;
}

PYFACE3D_DECLARE_LAUNCHERS(wpdc_loss, WpdcLoss)

PYFACE3D_EACH_ISA(
    // Faces [begin, end); wpdc_scratch elements.
    template <typename T> void wpdc_loss_forward(const WpdcLoss<T>& p, T* scratch, int64_t begin, int64_t end);
    template <typename T> void wpdc_loss_backward(const WpdcLoss<T>& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
