// Wing loss, element by element: out = f(pred - target), f of penalty.h.
// vjp: grad_pred = grad_out f'(pred - target), grad_target = -grad_pred.
// (Feng et al. 2018, "Wing Loss for Robust Facial Landmark Localisation", eq. 5)
#pragma once
#include "kernels/penalty.h"

namespace pyface3d {
template <typename T>
struct WingLoss {     // contiguous, one scalar type, E elements
  const T* pred;      // (E,)
  const T* target;    // (E,)
  const T* grad_out;  // (E,), backward only
  T* out;             // (E,) the loss, or grad_pred in the backward
  double w, epsilon;
};

// Elements per task of a thread.
constexpr int64_t kWingChunk = 16384;

template <typename T>
const char* wing_loss_forward_cuda(const WingLoss<T>& p, int64_t count, void* stream);
template <typename T>
const char* wing_loss_backward_cuda(const WingLoss<T>& p, int64_t count, void* stream);

PYFACE3D_EACH_ISA(template <typename T> void wing_loss_forward(const WingLoss<T>& p, int64_t begin, int64_t end);
                  template <typename T> void wing_loss_backward(const WingLoss<T>& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
