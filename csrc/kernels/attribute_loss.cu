// Forward: one thread per sample, over its few dozen attributes in order. Backward: one thread per entry.
#include "kernels/attribute_loss.h"
#include "kernels/cuda.cuh"

namespace pyface3d {
namespace {
template <typename T>
__global__ void forward_kernel(AttributeLoss p) {
  for (int64_t b = cuda_first(); b < p.batch; b += cuda_stride()) {
    T sum = 0;
    for (int64_t m = 0; m < p.attributes; ++m) {
      const int64_t i = b * p.attributes + m;
      const T y = static_cast<const T*>(p.labels)[i], z = static_cast<const T*>(p.logits)[i];
      T slope = 0;
      if ((!p.mask || p.mask[i]) && y >= 0) {
        const T a = p.pos_weight ? static_cast<const T*>(p.pos_weight)[m] : T(1);
        const T e = exp(z < 0 ? z : -z), c = 1 + (a - 1) * y;  // e^-|z|
        slope = (1 - y) - c * (z < 0 ? T(1) : e) / (1 + e);
        sum += (1 - y) * z + c * (log1p(e) + (z < 0 ? -z : T(0)));
      }
      static_cast<T*>(p.slope)[i] = slope;
    }
    static_cast<T*>(p.loss)[b] = sum;
  }
}

template <typename T>
__global__ void backward_kernel(AttributeLoss p) {
  for (int64_t i = cuda_first(); i < p.batch * p.attributes; i += cuda_stride())
    static_cast<T*>(p.grad_logits)[i] =
        static_cast<const T*>(p.grad_loss)[i / p.attributes] * static_cast<const T*>(p.slope)[i];
}
}  // namespace

template <typename T>
const char* attribute_loss_forward_cuda(const AttributeLoss& p, void* stream) {
  return cuda_launch(forward_kernel<T>, cuda_blocks(p.batch), kCudaThreads, stream, p);
}

template <typename T>
const char* attribute_loss_backward_cuda(const AttributeLoss& p, void* stream) {
  return cuda_launch(backward_kernel<T>, cuda_blocks(p.batch * p.attributes), kCudaThreads, stream, p);
}

template const char* attribute_loss_forward_cuda<float>(const AttributeLoss&, void*);
template const char* attribute_loss_forward_cuda<double>(const AttributeLoss&, void*);
template const char* attribute_loss_backward_cuda<float>(const AttributeLoss&, void*);
template const char* attribute_loss_backward_cuda<double>(const AttributeLoss&, void*);
}  // namespace pyface3d
