#include "kernels/wing_loss.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
// The first `count` lanes; the others are zero.
template <typename T>
inline Vec<T> load_some(const T* from, int64_t at, int64_t count) {
  const T* p = from + at;
  if (count >= kLanes<T>) return load<T>(p);
  Vec<T> v{};
  __builtin_memcpy(&v, p, sizeof(T) * static_cast<uint64_t>(count));
  return v;
}

template <typename T>
inline void store_some(T* to, int64_t at, int64_t count, Vec<T> v) {
  T* p = to + at;
  if (count >= kLanes<T>) return store<T>(p, v);
  __builtin_memcpy(p, &v, sizeof(T) * static_cast<uint64_t>(count));
}

template <typename T, bool backward>
void run(const WingLoss<T>& p, int64_t begin, int64_t end) {
  const T w = T(p.w), epsilon = T(p.epsilon), corner = wing_corner<T>(w, epsilon);
  for (int64_t i = begin; i < end; i += kLanes<T>) {
    const int64_t count = end - i;
    Vec<T> value, slope;
    wing<T>(load_some<T>(p.pred, i, count) - load_some<T>(p.target, i, count), w, epsilon, corner, value, slope);
    store_some<T>(p.out, i, count, backward ? slope * load_some<T>(p.grad_out, i, count) : value);
  }
}
}  // namespace

template <typename T>
void wing_loss_forward(const WingLoss<T>& p, int64_t begin, int64_t end) {
  run<T, false>(p, begin, end);
}

template <typename T>
void wing_loss_backward(const WingLoss<T>& p, int64_t begin, int64_t end) {
  run<T, true>(p, begin, end);
}

PYFACE3D_INSTANTIATE_LOOPS(wing_loss, WingLoss)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
