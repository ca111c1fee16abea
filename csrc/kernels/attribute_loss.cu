// Forward: one warp per sample, over its few dozen attributes. Backward: one thread per entry.
#include "kernels/attribute_loss.h"
#include "kernels/cuda.cuh"

namespace pyface3d {
namespace {
template <typename T>
__global__ void forward_kernel(AttributeLoss<T> p) {
  for (int64_t b = cuda_first() / 32; b < p.batch; b += cuda_stride() / 32) {
    T sum = 0;
    for (int64_t m = threadIdx.x % 32; m < p.attributes; m += 32) {
      const int64_t i = b * p.attributes + m;
      const T y = p.labels[i], z = p.logits[i];
      T slope = 0;
      if ((!p.mask || p.mask[i]) && y >= 0) {
        const T a = p.pos_weight ? p.pos_weight[m] : T(1);
        const T e = exp(z < 0 ? z : -z), c = 1 + (a - 1) * y;  // e^-|z|
        slope = (1 - y) - c * (z < 0 ? T(1) : e) / (1 + e);
        sum += (1 - y) * z + c * (log1p(e) + (z < 0 ? -z : T(0)));
      }
      p.slope[i] = slope;
    }
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) p.loss[b] = sum;
  }
}

template <typename T>
__global__ void backward_kernel(AttributeLoss<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.attributes; i += cuda_stride())
    p.grad_logits[i] = p.grad_loss[i / p.attributes] * p.slope[i];
}
}  // namespace

template <typename T>
const char* attribute_loss_forward_cuda(const AttributeLoss<T>& p, void* stream) {
  return cuda_launch(forward_kernel<T>, cuda_blocks(p.batch, kCudaWarps), kCudaThreads, stream, p);
}

template <typename T>
const char* attribute_loss_backward_cuda(const AttributeLoss<T>& p, void* stream) {
  return cuda_launch(backward_kernel<T>, cuda_blocks(p.batch * p.attributes), kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(attribute_loss, AttributeLoss)
}  // namespace pyface3d
