#include "kernels/attribute_loss.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
inline float exponential(float x) { return __builtin_expf(x); }
inline double exponential(double x) { return __builtin_exp(x); }
inline float log_of_one_plus(float x) { return __builtin_log1pf(x); }
inline double log_of_one_plus(double x) { return __builtin_log1p(x); }

template <typename T>
T entry(T z, T y, T a, T& slope) {
  const T e = exponential(z < 0 ? z : -z), c = 1 + (a - 1) * y;  // e^-|z|
  slope = (1 - y) - c * (z < 0 ? 1 : e) / (1 + e);
  return (1 - y) * z + c * (log_of_one_plus(e) + (z < 0 ? -z : T(0)));
}
}  // namespace

template <typename T>
void attribute_loss_forward(const AttributeLoss<T>& p, int64_t begin, int64_t end) {
  const T *logits = p.logits, *labels = p.labels;
  const T* weight = p.pos_weight;
  T* slope = p.slope;
  for (int64_t b = begin; b < end; ++b) {
    T sum = 0;
    for (int64_t m = 0; m < p.attributes; ++m) {
      const int64_t i = b * p.attributes + m;
      slope[i] = 0;
      if ((!p.mask || p.mask[i]) && labels[i] >= 0)
        sum += entry<T>(logits[i], labels[i], weight ? weight[m] : T(1), slope[i]);
    }
    p.loss[b] = sum;
  }
}

template <typename T>
void attribute_loss_backward(const AttributeLoss<T>& p, int64_t begin, int64_t end) {
  const T* slope = p.slope;
  for (int64_t b = begin; b < end; ++b)
    for (int64_t i = b * p.attributes; i < (b + 1) * p.attributes; ++i) p.grad_logits[i] = p.grad_loss[b] * slope[i];
}

PYFACE3D_INSTANTIATE_LOOPS(attribute_loss, AttributeLoss)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
