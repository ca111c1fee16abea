// One pass: a block takes a slab of vertices and kFaces faces. For each tile of kThreads vertices, thread n makes
// vertex n of every face, its error, penalty and h = M^T g, and leaves what the gradients need in shared memory; then
// thread k sums one gradient entry over the tile. Running sums live in `sums`, each touched by one thread: no atomics,
// fixed order.
#include "kernels/penalty.cuh"
#include "kernels/wing_vertex_loss.h"

namespace pyface3d {
namespace {
constexpr int kThreads = 128, kFaces = 4;
constexpr int64_t kPose = 12, kValues = 1 + kPose;  // loss and grad_pose, before the K of grad_coeffs

template <typename T>
struct Tile {  // of one vertex and face: loss, g, S, h
  T loss[kFaces][kThreads];
  T grad[kFaces][3][kThreads], shape[kFaces][3][kThreads], turned[kFaces][3][kThreads];
};

template <typename T>
__global__ void prepare_kernel(WingVertexLoss<T> p) {
  const int64_t coeffs = p.batch * p.coeff_count;
  for (int64_t i = cuda_first(); i < coeffs + p.batch * kPose; i += cuda_stride())
    p.difference[i] = i < coeffs ? p.coeffs[i] - p.target_coeffs[i] : p.pose[i - coeffs] - p.target_pose[i - coeffs];
}

// Fills thread n's column of the tile: vertex `row` (negative: none) of faces [face, face + count).
template <typename T>
__device__ void fill_tile(const WingVertexLoss<T>& p, int64_t face, int count, int64_t row, T weight, Tile<T>& tile) {
  const int64_t K = p.coeff_count;
  const T* difference = p.difference;
  T moved[kFaces][3] = {}, shape[kFaces][3];
  PYFACE3D_UNROLL
  for (int f = 0; f < kFaces; ++f) PYFACE3D_UNROLL
  for (int d = 0; d < 3; ++d) shape[f][d] = row < 0 ? T(0) : p.mean[row * 3 + d];
  for (int64_t k = 0; k < K && row >= 0; ++k) {
    const T* basis = p.basis + row * 3 * K + k;
    const T x = basis[0], y = basis[K], z = basis[2 * K];
    PYFACE3D_UNROLL
    for (int f = 0; f < kFaces; ++f) {
      const int64_t at = (face + (f < count ? f : 0)) * K + k;
      const T u = difference[at], c = p.target_coeffs[at];
      moved[f][0] += x * u, moved[f][1] += y * u, moved[f][2] += z * u;
      shape[f][0] += x * c, shape[f][1] += y * c, shape[f][2] += z * c;
    }
  }
  PYFACE3D_UNROLL
  for (int f = 0; f < kFaces; ++f) {
    const int64_t b = face + (f < count ? f : 0);
    const T *pose = p.pose + b * kPose, *turn = difference + p.batch * K + b * kPose;
    T loss = 0, grad[3];
    PYFACE3D_UNROLL
    for (int r = 0; r < 3; ++r) {
      T error = turn[r * 4 + 3], value;
      PYFACE3D_UNROLL
      for (int d = 0; d < 3; ++d) error += pose[r * 4 + d] * moved[f][d] + turn[r * 4 + d] * shape[f][d];
      penalise_one(p.penalty, error, value, grad[r]);
      grad[r] = row < 0 ? T(0) : grad[r] * weight;
      loss += row < 0 ? T(0) : value * weight;
    }
    tile.loss[f][threadIdx.x] = loss;
    PYFACE3D_UNROLL
    for (int d = 0; d < 3; ++d) {
      tile.grad[f][d][threadIdx.x] = grad[d];
      tile.shape[f][d][threadIdx.x] = shape[f][d] + moved[f][d];
      tile.turned[f][d][threadIdx.x] = pose[d] * grad[0] + pose[4 + d] * grad[1] + pose[8 + d] * grad[2];
    }
  }
}

// Entry i of face f (0 the loss, then grad_pose, then grad_coeffs), summed over the tile's vertices [first, first +
// count).
template <typename T>
__device__ T entry_of_tile(const WingVertexLoss<T>& p, const Tile<T>& tile, int f, int64_t i, int64_t first,
                           int count) {
  T sum = 0;
  if (i == 0) {
    for (int n = 0; n < count; ++n) sum += tile.loss[f][n];
  } else if (i < kValues) {
    const int r = static_cast<int>(i - 1) / 4, d = static_cast<int>(i - 1) % 4;
    for (int n = 0; n < count; ++n) sum += d < 3 ? tile.grad[f][r][n] * tile.shape[f][d][n] : tile.grad[f][r][n];
  } else {
    const int64_t K = p.coeff_count;
    for (int n = 0; n < count; ++n) {
      const PickedRow picked(p.indices, first + n, p.row_count);  // NaN came in with the weight
      const T* basis = p.basis + picked.row * 3 * K + i - kValues;
      sum += basis[0] * tile.turned[f][0][n] + basis[K] * tile.turned[f][1][n] + basis[2 * K] * tile.turned[f][2][n];
    }
  }
  return sum;
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 1) slab_kernel(WingVertexLoss<T> p) {
  __shared__ Tile<T> tile;
  const int64_t slab = wing_vertex_slab(p.vertex_count), slabs = wing_vertex_slabs(p.vertex_count);
  const int64_t width = kValues + p.coeff_count, wanted = p.want_grad ? width : 1,
                groups = (p.batch + kFaces - 1) / kFaces;
  for (int64_t item = blockIdx.x; item < slabs * groups; item += gridDim.x) {
    const int64_t s = item / groups, face = item % groups * kFaces;
    const int faces = p.batch - face < kFaces ? static_cast<int>(p.batch - face) : kFaces;
    T* sums = p.sums + (s * p.batch + face) * width;  // (faces, 13 + K)
    const int64_t end = (s + 1) * slab < p.vertex_count ? (s + 1) * slab : p.vertex_count;
    for (int64_t first = s * slab; first < end; first += kThreads) {
      const int count = end - first < kThreads ? static_cast<int>(end - first) : kThreads;
      const int64_t n = first + threadIdx.x;
      int64_t row = -1;  // beyond the last vertex
      T weight = 0;
      if (n < end) {
        const PickedRow picked(p.indices, n, p.row_count);
        row = picked.row, weight = picked(p.weights ? p.weights[n] : T(1));
      }
      fill_tile(p, face, faces, row, weight, tile);
      __syncthreads();
      for (int64_t i = threadIdx.x; i < faces * wanted; i += kThreads) {
        const int f = static_cast<int>(i / wanted);
        const T value = entry_of_tile(p, tile, f, i % wanted, first, count);
        T& sum = sums[f * width + i % wanted];
        sum = first == s * slab ? value : sum + value;
      }
      __syncthreads();
    }
  }
}

template <typename T>
__global__ void finish_kernel(WingVertexLoss<T> p) {
  const int64_t K = p.coeff_count, width = kValues + K, wanted = p.want_grad ? width : 1,
                slabs = wing_vertex_slabs(p.vertex_count);
  for (int64_t item = cuda_first(); item < p.batch * wanted; item += cuda_stride()) {
    const int64_t b = item / wanted, i = item % wanted;
    double sum = 0;
    for (int64_t s = 0; s < slabs; ++s) sum += static_cast<double>(p.sums[(s * p.batch + b) * width + i]);
    if (i == 0)
      p.loss[b] = static_cast<T>(sum);
    else if (i < kValues)
      p.grad_pose[b * kPose + i - 1] = static_cast<T>(sum);
    else
      p.grad_coeffs[b * K + i - kValues] = static_cast<T>(sum);
  }
}

template <typename T>
__global__ void scale_kernel(const T* grad_loss, const T* gradient, int64_t count, int64_t width, T* out) {
  for (int64_t i = cuda_first(); i < count; i += cuda_stride()) out[i] = grad_loss[i / width] * gradient[i];
}
}  // namespace

template <typename T>
const char* wing_vertex_loss_forward_cuda(const WingVertexLoss<T>& p, void* stream) {
  const int64_t groups = (p.batch + kFaces - 1) / kFaces, width = kValues + p.coeff_count;
  const char* error =
      cuda_launch(prepare_kernel<T>, cuda_blocks(p.batch * (p.coeff_count + kPose)), kCudaThreads, stream, p);
  if (!error)
    error =
        cuda_launch(slab_kernel<T>, cuda_blocks(wing_vertex_slabs(p.vertex_count) * groups, 1), kThreads, stream, p);
  return error ? error : cuda_launch(finish_kernel<T>, cuda_blocks(p.batch * width), kCudaThreads, stream, p);
}

template <typename T>
const char* wing_vertex_loss_scale_cuda(const T* grad_loss, const T* gradient, int64_t count, int64_t width, T* out,
                                        void* stream) {
  return cuda_launch(scale_kernel<T>, cuda_blocks(count), kCudaThreads, stream, grad_loss, gradient, count, width, out);
}

#define PYFACE3D_KERNELS(T)                                                               \
  template const char* wing_vertex_loss_forward_cuda<T>(const WingVertexLoss<T>&, void*); \
  template const char* wing_vertex_loss_scale_cuda<T>(const T*, const T*, int64_t, int64_t, T*, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
