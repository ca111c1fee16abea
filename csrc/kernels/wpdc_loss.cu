// One block per face. The weights go to global memory; each thread finds their maximum among the few dozen itself.
#include "kernels/cuda.cuh"
#include "kernels/wpdc_loss.h"

namespace pyface3d {
namespace {
constexpr int64_t kPose = 12, kDepth = 11;  // entries of the pose; t_z among them

template <typename T>
struct Face {
  const WpdcLoss<T>& p;
  const T *pred, *target, *axes;
  __device__ Face(const WpdcLoss<T>& p_, int64_t b)
      : p(p_), pred(p.pred + b * p.param_count), target(p.target + b * p.param_count), axes(p.axes) {}

  __device__ T q(int64_t k) const {  // [1, c]
    const int64_t i = kPose + k - 1;
    return k == 0 ? T(1) : target[i] * p.std[i] + p.mean[i];
  }

  __device__ T share_of_square(int d, int64_t j) const {  // thread j's part of q^T axes_d q
    const int64_t size = p.coeff_count + 1;
    T sum = 0;
    PYFACE3D_NO_UNROLL
    for (int64_t i = 0; i < size; ++i) sum += q(i) * axes[(d * size + i) * size + j];
    return sum * q(j);
  }

  __device__ T column_norm(int64_t k) const {
    const int64_t size = p.coeff_count + 1;
    T sum = 0;
    for (int d = 0; d < 3; ++d) sum += axes[(d * size + k + 1) * size + k + 1];
    return sqrt(sum);
  }
};

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) forward_kernel(WpdcLoss<T> p) {
  __shared__ T shared[kCudaThreads];
  __shared__ T extent[4];  // of the columns of the pose: |X_x|, |X_y|, |X_z|, sqrt(points)
  const int64_t entries = kPose + p.coeff_count;
  for (int64_t b = blockIdx.x; b < p.batch; b += gridDim.x) {
    const Face<T> face(p, b);
    T* w = p.weights + b * p.param_count;
    PYFACE3D_NO_UNROLL
    for (int d = 0; d < 3; ++d) {
      T part = 0;
      for (int64_t j = threadIdx.x; j <= p.coeff_count; j += kCudaThreads) part += face.share_of_square(d, j);
      part = block_sum(part, shared);
      if (threadIdx.x == 0) extent[d] = sqrt(part);
    }
    if (threadIdx.x == 0) extent[3] = sqrt(static_cast<T>(p.points));
    __syncthreads();
    for (int64_t i = threadIdx.x; i < p.param_count; i += kCudaThreads) {
      const T error = face.pred[i] - face.target[i], size = error < 0 ? -error : error;
      const T reach = i >= entries ? T(0)
                      : i < kPose  ? extent[i % 4]
                                   : static_cast<T>(p.scale) * face.column_norm(i - kPose);
      w[i] = i == kDepth || i >= entries ? T(0) : p.std[i] * size * reach + static_cast<T>(p.epsilon);
    }
    __syncthreads();
    T largest = 0, sum = 0;
    for (int64_t i = 0; i < entries; ++i) largest = w[i] > largest || w[i] != w[i] ? w[i] : largest;  // a NaN stays
    __syncthreads();
    for (int64_t i = threadIdx.x; i < entries; i += kCudaThreads) {
      const T weight = i == kDepth ? T(0) : w[i] / largest, error = face.pred[i] - face.target[i];
      w[i] = weight;
      sum += weight * error * error;
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) p.loss[b] = sum / static_cast<T>(entries);
  }
}

template <typename T>
__global__ void backward_kernel(WpdcLoss<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.param_count; i += cuda_stride()) {
    const T g = 2 * p.grad_loss[i / p.param_count] / static_cast<T>(kPose + p.coeff_count);
    p.grad_pred[i] = g * p.weights[i] * (p.pred[i] - p.target[i]);
  }
}
}  // namespace

template <typename T>
const char* wpdc_loss_forward_cuda(const WpdcLoss<T>& p, void* stream) {
  return cuda_launch(forward_kernel<T>, cuda_blocks(p.batch, 1), kCudaThreads, stream, p);
}

template <typename T>
const char* wpdc_loss_backward_cuda(const WpdcLoss<T>& p, void* stream) {
  return cuda_launch(backward_kernel<T>, cuda_blocks(p.batch * p.param_count), kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(wpdc_loss, WpdcLoss)
}  // namespace pyface3d
