#include "kernels/position_map_loss.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int64_t kRun = 512;  // pixels whose distances stay in the first-level cache until they are summed

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }

template <typename T>
struct Run {  // some consecutive pixels of one map; its loops are vectorised, as nothing that they write is read
  Run(const PositionMapLoss<T>& p, int64_t b, int64_t first, int64_t last)
      : count(last - first),
        plane(p.pixels),
        pred(p.pred + 3 * b * plane + first),
        target(p.target + 3 * b * plane + first),
        weight(p.weight_mask + first) {}
  int64_t count, plane;
  const T *pred, *target, *weight;
};

template <typename T, bool kSquared>
void distances(const Run<T>& r, T* __restrict__ out) {  // weighted
  const T *x = r.pred, *y = x + r.plane, *z = y + r.plane;
  const T *target_x = r.target, *target_y = target_x + r.plane, *target_z = target_y + r.plane, *weight = r.weight;
  for (int64_t i = 0; i < r.count; ++i) {
    const T dx = x[i] - target_x[i], dy = y[i] - target_y[i], dz = z[i] - target_z[i];
    const T squared = dx * dx + dy * dy + dz * dz, distance = kSquared ? squared : root(squared);
    out[i] = weight[i] == 0 ? T(0) : weight[i] * distance;
  }
}

template <typename T, bool kSquared>
T sum_of_run(const Run<T>& r) {
  T value[kRun];
  distances<T, kSquared>(r, value);
  for (int64_t i = r.count; i < kRun; ++i) value[i] = 0;
  Vec<T> sum{};
  for (int64_t i = 0; i < kRun; i += kLanes<T>) sum += load<T>(value + i);
  return lane_sum<T>(sum);
}

template <typename T, bool kSquared>
void gradient_of_run(const Run<T>& r, T g, T* __restrict__ grad_x) {
  T* __restrict__ grad_y = grad_x + r.plane, * __restrict__ grad_z = grad_y + r.plane;
  const T *x = r.pred, *y = x + r.plane, *z = y + r.plane;
  const T *target_x = r.target, *target_y = target_x + r.plane, *target_z = target_y + r.plane, *weight = r.weight;
  for (int64_t i = 0; i < r.count; ++i) {
    const T dx = x[i] - target_x[i], dy = y[i] - target_y[i], dz = z[i] - target_z[i];
    const T squared = dx * dx + dy * dy + dz * dz;
    const T factor = kSquared ? 2 * g * weight[i] : squared == 0 ? T(0) : g * weight[i] / root(squared);
    const bool counts = weight[i] != 0;
    grad_x[i] = counts ? factor * dx : T(0), grad_y[i] = counts ? factor * dy : T(0);
    grad_z[i] = counts ? factor * dz : T(0);
  }
}

// Calls run(map, first pixel, last pixel) for items [begin, end).
template <typename T, typename F>
PYFACE3D_INLINE void each_chunk(const PositionMapLoss<T>& p, int64_t begin, int64_t end, const F& run) {
  const int64_t chunks = pixel_chunks(p.pixels);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t first = item % chunks * kPixelChunk, last = first + kPixelChunk;
    run(item / chunks, first, last < p.pixels ? last : p.pixels);
  }
}
}  // namespace

template <typename T>
void position_map_loss_forward(const PositionMapLoss<T>& p, int64_t begin, int64_t end) {
  T* sums = p.sums + begin;
  each_chunk(p, begin, end, [&](int64_t b, int64_t first, int64_t last) {
    T sum = 0;
    for (int64_t i = first; i < last; i += kRun) {
      const Run<T> r(p, b, i, i + kRun < last ? i + kRun : last);
      sum += p.squared ? sum_of_run<T, true>(r) : sum_of_run<T, false>(r);
    }
    *sums++ = sum;
  });
}

template <typename T>
void position_map_loss_backward(const PositionMapLoss<T>& p, int64_t begin, int64_t end) {
  each_chunk(p, begin, end, [&](int64_t b, int64_t first, int64_t last) {
    const Run<T> r(p, b, first, last);
    T* grad = p.grad_pred + 3 * b * p.pixels + first;
    p.squared ? gradient_of_run<T, true>(r, p.grad_loss[b], grad) : gradient_of_run<T, false>(r, p.grad_loss[b], grad);
  });
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
