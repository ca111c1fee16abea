// Weighted binary cross entropy over attributes (Weng et al., ICPR 2020, L_attr), z logits, y labels, a pos_weight:
//   loss[b] = sum_m a_m y ln(1 + e^-z) + (1 - y) ln(1 + e^z)
//           = sum_m (1 - y) z + c (ln(1 + e^-|z|) + max(-z, 0)),  c = 1 + (a_m - 1) y.
// vjp: grad_z = grad_loss slope, slope = (1 - y) - c / (1 + e^z), made by the forward pass.
// An entry counts where its mask is set and its label known (y >= 0): neither -1 nor NaN elsewhere leaks.
#pragma once
#include "kernels/simd.h"

namespace pyface3d {
template <typename T>
struct AttributeLoss {        // contiguous, one scalar type
  const T* logits;            // (B, M)
  const T* labels;            // (B, M)
  const T* pos_weight;        // (M,), or null: ones
  const bool* mask;           // (B, M), or null: all set
  const T* grad_loss;         // (B,), backward only
  T* slope;                   // (B, M), written forward, read backward
  T* loss;                    // (B,), forward only
  T* grad_logits;             // (B, M), backward only
  int64_t batch, attributes;  // B, M
};

PYFACE3D_DECLARE_LAUNCHERS(attribute_loss, AttributeLoss)

PYFACE3D_EACH_ISA(
    // Samples [begin, end).
    template <typename T> void attribute_loss_forward(const AttributeLoss<T>& p, int64_t begin, int64_t end);
    template <typename T> void attribute_loss_backward(const AttributeLoss<T>& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
