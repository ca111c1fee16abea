// One thread per element, memory bound.
#include "kernels/penalty.cuh"
#include "kernels/wing_loss.h"

namespace pyface3d {
namespace {
template <typename T, bool kBackward>
__global__ void wing_kernel(WingLoss p, int64_t count) {
  const PenaltyShape wing{Penalty::wing, p.w, p.epsilon};
  for (int64_t i = cuda_first(); i < count; i += cuda_stride()) {
    T value, slope;
    penalise_one(wing, static_cast<const T*>(p.pred)[i] - static_cast<const T*>(p.target)[i], value, slope);
    static_cast<T*>(p.out)[i] = kBackward ? static_cast<const T*>(p.grad_out)[i] * slope : value;
  }
}
}  // namespace

template <typename T>
const char* wing_loss_forward_cuda(const WingLoss& p, int64_t count, void* stream) {
  return cuda_launch(wing_kernel<T, false>, cuda_blocks(count), kCudaThreads, stream, p, count);
}

template <typename T>
const char* wing_loss_backward_cuda(const WingLoss& p, int64_t count, void* stream) {
  return cuda_launch(wing_kernel<T, true>, cuda_blocks(count), kCudaThreads, stream, p, count);
}

template const char* wing_loss_forward_cuda<float>(const WingLoss&, int64_t, void*);
template const char* wing_loss_forward_cuda<double>(const WingLoss&, int64_t, void*);
template const char* wing_loss_backward_cuda<float>(const WingLoss&, int64_t, void*);
template const char* wing_loss_backward_cuda<double>(const WingLoss&, int64_t, void*);
}  // namespace pyface3d
