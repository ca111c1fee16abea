// One block per face. [1, c] goes to global memory, to be read by all threads, and then the weights.
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

  // Column j of axes_d's part of q^T axes_d q.
  __device__ T share_of_square(const T* q, int d, int j) const {
    const int size = static_cast<int>(p.coeff_count) + 1;
    T sum = 0;
    for (int i = 0; i < size; ++i) sum += q[i] * axes[(int64_t{d} * size + i) * size + j];
    return sum * q[j];
  }

  __device__ T square_of_column(int64_t k) const {
    const int64_t size = p.coeff_count + 1;
    T sum = 0;
    for (int d = 0; d < 3; ++d) sum += axes[(d * size + k + 1) * size + k + 1];
    return sum;
  }
};

template <typename T>
__device__ __forceinline__ T picked(const T (&extent)[4], int64_t column) {  // without an array in memory
  return column == 0 ? extent[0] : column == 1 ? extent[1] : column == 2 ? extent[2] : extent[3];
}

template <typename T>
__device__ __forceinline__ T larger(T a, T b) {
  return b > a || b != b ? b : a;  // a NaN stays
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) forward_kernel(WpdcLoss<T> p) {
  __shared__ T shared[kCudaWarps];
  // of one face everything is small: 32-bit numbers leave registers for the sums
  const int columns = static_cast<int>(p.coeff_count) + 1, entries = static_cast<int>(kPose) - 1 + columns;
  for (int64_t b = blockIdx.x; b < p.batch; b += gridDim.x) {
    const Face<T> face(p, b);
    T* w = p.weights + b * p.param_count;
    for (int k = threadIdx.x; k < columns; k += kCudaThreads) w[k] = face.q(k);
    __syncthreads();
    T extent[4] = {}, largest = 0, sum = 0;  // of the columns of the pose: |X_x|^2, |X_y|^2, |X_z|^2, points
    for (int at = threadIdx.x; at < 3 * columns; at += kCudaThreads) {
      const int d = at / columns;
      const T share = face.share_of_square(w, d, at % columns);
      PYFACE3D_UNROLL
      for (int k = 0; k < 3; ++k) extent[k] += k == d ? share : T(0);
    }
    PYFACE3D_UNROLL
    for (int k = 0; k < 3; ++k) extent[k] = block_sum(extent[k], shared);  // and w is read by all
    extent[3] = static_cast<T>(p.points);
    for (int i = threadIdx.x; i < p.param_count; i += kCudaThreads) {
      const T error = face.pred[i] - face.target[i], size = error < 0 ? -error : error;
      const T square = i >= entries ? T(0) : i < kPose ? picked(extent, i % 4) : face.square_of_column(i - kPose);
      const T reach = (i < kPose ? T(1) : static_cast<T>(p.scale)) * sqrt(square);
      w[i] = i == kDepth || i >= entries ? T(0) : p.std[i] * size * reach + static_cast<T>(p.epsilon);
      largest = larger(largest, w[i]);
    }
    largest = block_combine(largest, shared, larger<T>);
    for (int i = threadIdx.x; i < entries; i += kCudaThreads) {
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
