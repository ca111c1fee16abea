// One block per face. D goes to a workspace; then thread j takes column j of C, whose rows it reads coalesced.
// Backward: a warp sums one entry of the pose.
#include "kernels/cuda.cuh"
#include "kernels/vertex_distance.h"

namespace pyface3d {
namespace {
template <typename T>
__device__ __forceinline__ T coefficient(const T* coeffs, const VertexDistance<T>& p, int64_t b, int64_t k) {
  return k ? coeffs[b * p.coeff_count + k - 1] : T(1);
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) forward_kernel(VertexDistance<T> p) {
  __shared__ T shared[kCudaWarps];
  const int64_t columns = p.coeff_count + 1, J = p.axes * columns, width = p.axes + 1;
  const T* C = p.gram;
  const T *centre = C + J * (J + 1), total = centre[J];
  for (int64_t b = blockIdx.x; b < p.batch; b += gridDim.x) {
    const T *pose = p.pose + b * p.rows * width, *target = p.target_pose + b * p.rows * width;
    T* d = p.columns + b * p.rows * J;
    T e[3] = {}, distance = 0;
    PYFACE3D_UNROLL
    for (int r = 0; r < 3; ++r) {
      if (r >= p.rows) break;
      T offset = 0;
      for (int64_t j = threadIdx.x; j < J; j += kCudaThreads) {
        const int64_t x = j < columns ? 0 : j < 2 * columns ? 1 : 2, k = j - x * columns;
        const T a = coefficient<T>(p.coeffs, p, b, k), ta = coefficient<T>(p.target_coeffs, p, b, k);
        const T m = pose[r * width + x], value = m * (a - ta) + (m - target[r * width + x]) * ta;
        d[r * J + j] = value;
        offset += value * centre[j];
      }
      e[r] = pose[r * width + p.axes] - target[r * width + p.axes] +
             block_sum(offset, shared);  // and d is written for all
    }
    for (int64_t j = threadIdx.x; j < J; j += kCudaThreads) {
      T product[3] = {};
      for (int64_t i = 0; i < J; ++i) {
        const T c = C[i * (J + 1) + j];
        for (int r = 0; r < 3; ++r)
          if (r < p.rows) product[r] += d[r * J + i] * c;
      }
      for (int r = 0; r < 3; ++r)
        if (r < p.rows) {
          p.slope[(b * p.rows + r) * (J + 1) + j] = product[r] + total * e[r] * centre[j];
          distance += product[r] * d[r * J + j];
        }
    }
    T sum = block_sum(distance, shared);
    if (threadIdx.x) continue;
    for (int r = 0; r < 3; ++r)
      if (r < p.rows) {
        p.slope[(b * p.rows + r) * (J + 1) + J] = total * e[r];
        sum += total * e[r] * e[r];
      }
    p.distance[b] = sum;
  }
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) backward_kernel(VertexDistance<T> p) {
  // of one face everything is small: 32-bit numbers leave registers for the sums
  const int columns = static_cast<int>(p.coeff_count) + 1, rows = static_cast<int>(p.rows);
  const int axes = static_cast<int>(p.axes), J = axes * columns, width = axes + 1;
  const int sides = p.want_target ? 2 : 1;
  for (int64_t item = blockIdx.x; item < p.batch * sides; item += gridDim.x) {
    const int64_t b = item / sides;
    const bool target = item % sides;
    const T g = (target ? -2 : 2) * p.grad_out[b];
    const T* coeffs = target ? p.target_coeffs : p.coeffs;
    const T* pose = (target ? p.target_pose : p.pose) + b * rows * width;
    T* grad_pose = (target ? p.grad_target_pose : p.grad_pose) + b * rows * width;
    T* grad_coeffs = (target ? p.grad_target_coeffs : p.grad_coeffs) + b * p.coeff_count;
    const T* slope = p.slope + b * rows * (J + 1);
    for (int k = 1 + threadIdx.x; k < columns; k += kCudaThreads) {
      T sum = 0;
      for (int r = 0; r < rows; ++r)
        for (int x = 0; x < axes; ++x) sum += slope[r * (J + 1) + x * columns + k] * pose[r * width + x];
      grad_coeffs[k - 1] = g * sum;
    }
    for (int entry = threadIdx.x / 32; entry < rows * width; entry += kCudaWarps) {
      const int r = entry / width, x = entry % width;
      T sum = 0;
      for (int k = threadIdx.x % 32; k < columns && x < axes; k += 32)
        sum += slope[r * (J + 1) + x * columns + k] * coefficient<T>(coeffs, p, b, k);
      sum = x < axes ? warp_sum(sum) : slope[r * (J + 1) + J];
      if (threadIdx.x % 32 == 0) grad_pose[entry] = g * sum;
    }
  }
}
}  // namespace

template <typename T>
const char* vertex_distance_forward_cuda(const VertexDistance<T>& p, void* stream) {
  return cuda_launch(forward_kernel<T>, cuda_blocks(p.batch, 1), kCudaThreads, stream, p);
}

template <typename T>
const char* vertex_distance_backward_cuda(const VertexDistance<T>& p, void* stream) {
  return cuda_launch(backward_kernel<T>, cuda_blocks(p.batch * (p.want_target ? 2 : 1), 1), kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(vertex_distance, VertexDistance)
}  // namespace pyface3d
