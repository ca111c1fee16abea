#include "kernels/wpdc_loss.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int64_t kPose = 12, kDepth = 11;  // entries of the pose; t_z among them

template <typename T>
T root(T x) { return T(__builtin_sqrt(double(x))); }

// q^T G q; product is scratch.
template <typename T>
T quadratic(const T* G, const T* q, int64_t size, T* product) {
  for (int64_t j = 0; j < size; ++j) product[j] = 0;
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < size; ++j) product[j] += q[i] * G[i * size + j];
  T sum = 0;
  for (int64_t j = 0; j < size; ++j) sum += product[j] * q[j];
  return sum;
}

// |basis_k| of every coefficient.
template <typename T>
void column_norms(const WpdcLoss& p, T* norms) {
  const int64_t size = p.coeff_count + 1;
  const T* axes = static_cast<const T*>(p.axes);
  for (int64_t k = 0; k < p.coeff_count; ++k) {
    T sum = 0;
    for (int d = 0; d < 3; ++d) sum += axes[(d * size + k + 1) * size + k + 1];
    norms[k] = root(sum);
  }
}

template <typename T>
void forward_face(const WpdcLoss& p, int64_t b, const T* norms, T* q, T* product) {
  const int64_t K = p.coeff_count, entries = kPose + K, size = K + 1;
  const T *pred = static_cast<const T*>(p.pred) + b * p.param_count, *target = static_cast<const T*>(p.target) + b * p.param_count;
  const T *mean = static_cast<const T*>(p.mean), *std = static_cast<const T*>(p.std);
  T* w = static_cast<T*>(p.weights) + b * p.param_count;
  q[0] = 1;
  for (int64_t k = 0; k < K; ++k) q[k + 1] = target[kPose + k] * std[kPose + k] + mean[kPose + k];
  T extent[4];  // of the columns of the pose: |X_x|, |X_y|, |X_z|, sqrt(points)
  for (int d = 0; d < 3; ++d) extent[d] = root(quadratic(static_cast<const T*>(p.axes) + d * size * size, q, size, product));
  extent[3] = root(T(p.points));
  for (int64_t i = 0; i < entries; ++i) {
    const T error = pred[i] - target[i], size_of = error < 0 ? -error : error;
    w[i] = std[i] * size_of * (i < kPose ? extent[i % 4] : T(p.scale) * norms[i - kPose]) + T(p.epsilon);
  }
  w[kDepth] = 0;
  T largest = 0, sum = 0;
  for (int64_t i = 0; i < entries; ++i) largest = w[i] > largest || w[i] != w[i] ? w[i] : largest;  // a NaN stays
  for (int64_t i = 0; i < entries; ++i) {
    w[i] = i == kDepth ? T(0) : w[i] / largest;
    sum += w[i] * (pred[i] - target[i]) * (pred[i] - target[i]);
  }
  for (int64_t i = entries; i < p.param_count; ++i) w[i] = 0;
  static_cast<T*>(p.loss)[b] = sum / T(entries);
}
}  // namespace

template <typename T>
void wpdc_loss_forward(const WpdcLoss& p, T* scratch, int64_t begin, int64_t end) {
  T *norms = scratch, *q = norms + p.coeff_count + 1, *product = q + p.coeff_count + 1;
  column_norms<T>(p, norms);
  for (int64_t b = begin; b < end; ++b) forward_face<T>(p, b, norms, q, product);
}

template <typename T>
void wpdc_loss_backward(const WpdcLoss& p, int64_t begin, int64_t end) {
  const T *pred = static_cast<const T*>(p.pred), *target = static_cast<const T*>(p.target);
  const T *w = static_cast<const T*>(p.weights), *grad_loss = static_cast<const T*>(p.grad_loss);
  for (int64_t b = begin; b < end; ++b) {
    const T g = 2 * grad_loss[b] / T(kPose + p.coeff_count);
    for (int64_t i = b * p.param_count; i < (b + 1) * p.param_count; ++i)
      static_cast<T*>(p.grad_pred)[i] = g * w[i] * (pred[i] - target[i]);
  }
}

#define PYFACE3D_INSTANTIATE(T)                                                       \
  template void wpdc_loss_forward<T>(const WpdcLoss&, T*, int64_t, int64_t);          \
  template void wpdc_loss_backward<T>(const WpdcLoss&, int64_t, int64_t);
PYFACE3D_INSTANTIATE(float)
PYFACE3D_INSTANTIATE(double)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
