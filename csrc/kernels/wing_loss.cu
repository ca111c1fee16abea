// One thread per element, memory bound.
#include "kernels/penalty.cuh"
#include "kernels/wing_loss.h"

namespace pyface3d {
namespace {
template <typename T, bool kBackward>
__global__ void wing_kernel(WingLoss<T> p, PenaltyNumbers<T> wing, int64_t count) {
  for (int64_t i = cuda_first(); i < count; i += cuda_stride()) {
    T value, slope;
    penalise_one(wing, p.pred[i] - p.target[i], value, slope);
    p.out[i] = kBackward ? p.grad_out[i] * slope : value;
  }
}

template <typename T>
PenaltyNumbers<T> numbers_of(const WingLoss<T>& p) {
  return PenaltyNumbers<T>({Penalty::wing, p.w, p.epsilon});
}
}  // namespace

template <typename T>
const char* wing_loss_forward_cuda(const WingLoss<T>& p, int64_t count, void* stream) {
  return cuda_launch(wing_kernel<T, false>, cuda_blocks(count), kCudaThreads, stream, p, numbers_of(p), count);
}

template <typename T>
const char* wing_loss_backward_cuda(const WingLoss<T>& p, int64_t count, void* stream) {
  return cuda_launch(wing_kernel<T, true>, cuda_blocks(count), kCudaThreads, stream, p, numbers_of(p), count);
}

#define PYFACE3D_KERNELS(T)                                                           \
  template const char* wing_loss_forward_cuda<T>(const WingLoss<T>&, int64_t, void*); \
  template const char* wing_loss_backward_cuda<T>(const WingLoss<T>&, int64_t, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
