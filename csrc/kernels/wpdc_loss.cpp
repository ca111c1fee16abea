#include "kernels/wpdc_loss.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int64_t kPose = 12, kDepth = 11;  // entries of the pose; t_z among them

template <typename T>
T root(T x) { return T(__builtin_sqrt(double(x))); }

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
struct Block {  // scratch of kWpdcFaces faces
  Block(T* scratch, int64_t size)
      : padded(padded_columns(size)), axes(scratch), rows(axes + 3 * size * padded), product(rows + kWpdcFaces * padded),
        norms(product + kWpdcFaces * padded), turned(norms + padded) {}
  int64_t padded;
  T *axes, *rows, *product, *norms, *turned;  // (3, size, padded), (faces, padded) twice, (K,), (size, faces)
};

// |X_x|, |X_y|, |X_z| of the target shapes of some faces.
template <typename T>
void extents(const WpdcLoss& p, int64_t first, int64_t faces, const Block<T>& block, T (&extent)[kWpdcFaces][4]) {
  const int64_t K = p.coeff_count, size = K + 1;
  const T *mean = static_cast<const T*>(p.mean) + kPose, *std = static_cast<const T*>(p.std) + kPose;
  for (int64_t i = 0; i < kWpdcFaces * block.padded; ++i) block.rows[i] = 0;
  for (int64_t f = 0; f < faces; ++f) {
    const T* target = static_cast<const T*>(p.target) + (first + f) * p.param_count + kPose;
    T* q = block.rows + f * block.padded;
    q[0] = 1;
    for (int64_t k = 0; k < K; ++k) q[k + 1] = target[k] * std[k] + mean[k];
  }
  for (int64_t j = 0; j < size; ++j)
    for (int64_t f = 0; f < kWpdcFaces; ++f) block.turned[j * kWpdcFaces + f] = block.rows[f * block.padded + j];
  for (int d = 0; d < 3; ++d) {
    multiply_transposed<T, kWpdcFaces>(block.turned, kWpdcFaces, block.axes + d * size * block.padded, size, block.padded, block.product);
    for (int64_t f = 0; f < faces; ++f)
      extent[f][d] = root(dot<T>(block.product + f * block.padded, block.rows + f * block.padded, block.padded));
  }
  for (int64_t f = 0; f < faces; ++f) extent[f][3] = root(T(p.points));
}

template <typename T>
T absolute(T x) { return x < 0 ? -x : x; }

template <typename T>
void forward_face(const WpdcLoss& p, int64_t b, const T* norms, const T (&extent)[4], T* squares) {
  const int64_t K = p.coeff_count, entries = kPose + K;
  const T *pred = static_cast<const T*>(p.pred) + b * p.param_count, *target = static_cast<const T*>(p.target) + b * p.param_count;
  const T *std = static_cast<const T*>(p.std), scale = T(p.scale), epsilon = T(p.epsilon);
  T* w = static_cast<T*>(p.weights) + b * p.param_count;
  for (int64_t i = 0; i < kPose; ++i) w[i] = std[i] * absolute(pred[i] - target[i]) * extent[i % 4] + epsilon;
  for (int64_t k = 0, i = kPose; k < K; ++k, ++i) w[i] = scale * std[i] * absolute(pred[i] - target[i]) * norms[k] + epsilon;
  w[kDepth] = 0;
  T largest = 0;
  for (int64_t i = 0; i < entries; ++i) largest = w[i] > largest || w[i] != w[i] ? w[i] : largest;  // a NaN stays
  for (int64_t i = 0; i < entries; ++i) w[i] /= largest;
  w[kDepth] = 0;
  for (int64_t i = 0; i < entries; ++i) squares[i] = (pred[i] - target[i]) * (pred[i] - target[i]);
  for (int64_t i = entries; i < p.param_count; ++i) w[i] = 0;
  static_cast<T*>(p.loss)[b] = dot<T>(w, squares, entries) / T(entries);
}
}  // namespace

template <typename T>
void wpdc_loss_forward(const WpdcLoss& p, T* scratch, int64_t begin, int64_t end) {
  const int64_t size = p.coeff_count + 1;
  const Block<T> block(scratch, size);
  pad_columns<T>(static_cast<const T*>(p.axes), 3 * size, size, size, block.axes);
  column_norms<T>(p, block.norms);
  T extent[kWpdcFaces][4];
  for (int64_t first = begin; first < end; first += kWpdcFaces) {
    const int64_t faces = end - first < kWpdcFaces ? end - first : kWpdcFaces;
    extents<T>(p, first, faces, block, extent);
    for (int64_t f = 0; f < faces; ++f) forward_face<T>(p, first + f, block.norms, extent[f], block.turned);
  }
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
