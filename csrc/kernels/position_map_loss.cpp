#include "kernels/position_map_loss.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int64_t kRun = 512;  // pixels whose values stay in the first-level cache between the loops

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }

template <typename T>
struct Run {  // some consecutive pixels of one map
  Run(const PositionMapLoss<T>& p, int64_t b, int64_t first, int64_t last)
      : count(last - first < kRun ? last - first : kRun),
        plane(p.pixels),
        pred(p.pred + 3 * b * plane + first),
        target(p.target + 3 * b * plane + first),
        weight(p.weight_mask + first) {}
  int64_t count, plane;
  const T *pred, *target, *weight;
};

template <typename T>
void squared_distances(const Run<T>& r, T* out) {
  for (int64_t i = 0; i < r.count; ++i) {
    const T x = r.pred[i] - r.target[i], y = r.pred[r.plane + i] - r.target[r.plane + i];
    const T z = r.pred[2 * r.plane + i] - r.target[2 * r.plane + i];
    out[i] = x * x + y * y + z * z;
  }
}

template <typename T>
T sum_of_run(const PositionMapLoss<T>& p, const Run<T>& r) {
  constexpr int L = kLanes<T>;
  T value[kRun];
  squared_distances(r, value);
  if (!p.squared)
    for (int64_t i = 0; i < r.count; ++i) value[i] = root(value[i]);
  for (int64_t i = 0; i < r.count; ++i) value[i] = r.weight[i] == 0 ? T(0) : r.weight[i] * value[i];
  for (int64_t i = r.count; i < kRun; ++i) value[i] = 0;
  Vec<T> sum{};
  for (int64_t i = 0; i < kRun; i += L) sum += load<T>(value + i);
  return lane_sum<T>(sum);
}

template <typename T>
void gradient_of_run(const PositionMapLoss<T>& p, const Run<T>& r, T g, T* grad) {
  T factor[kRun];
  if (p.squared) {
    for (int64_t i = 0; i < r.count; ++i) factor[i] = 2 * g * r.weight[i];
  } else {
    squared_distances(r, factor);
    for (int64_t i = 0; i < r.count; ++i) factor[i] = factor[i] == 0 ? T(0) : g * r.weight[i] / root(factor[i]);
  }
  for (int64_t d = 0; d < 3; ++d)
    for (int64_t i = 0; i < r.count; ++i) {
      const T error = r.pred[d * r.plane + i] - r.target[d * r.plane + i];
      grad[d * r.plane + i] = r.weight[i] == 0 ? T(0) : factor[i] * error;
    }
}
}  // namespace

template <typename T>
void position_map_loss_forward(const PositionMapLoss<T>& p, int64_t begin, int64_t end) {
  const int64_t chunks = pixel_chunks(p.pixels);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t b = item / chunks, first = item % chunks * kPixelChunk;
    const int64_t last = first + kPixelChunk < p.pixels ? first + kPixelChunk : p.pixels;
    T sum = 0;
    for (int64_t i = first; i < last; i += kRun) sum += sum_of_run<T>(p, Run<T>(p, b, i, last));
    p.sums[item] = sum;
  }
}

template <typename T>
void position_map_loss_backward(const PositionMapLoss<T>& p, int64_t begin, int64_t end) {
  const int64_t chunks = pixel_chunks(p.pixels);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t b = item / chunks, first = item % chunks * kPixelChunk;
    const int64_t last = first + kPixelChunk < p.pixels ? first + kPixelChunk : p.pixels;
    T* grad = p.grad_pred + 3 * b * p.pixels;
    for (int64_t i = first; i < last; i += kRun) gradient_of_run<T>(p, Run<T>(p, b, i, last), p.grad_loss[b], grad + i);
  }
}

template <typename T>
void position_map_loss_finish(const PositionMapLoss<T>& p) {
  const int64_t chunks = pixel_chunks(p.pixels);
  for (int64_t b = 0; b < p.batch; ++b) {
    double sum = 0;
    for (int64_t c = 0; c < chunks; ++c) sum += double(p.sums[b * chunks + c]);
    p.loss[b] = T(sum);
  }
}

#define PYFACE3D_KERNELS(T)                                                                 \
  template void position_map_loss_forward<T>(const PositionMapLoss<T>&, int64_t, int64_t);  \
  template void position_map_loss_backward<T>(const PositionMapLoss<T>&, int64_t, int64_t); \
  template void position_map_loss_finish<T>(const PositionMapLoss<T>&);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
