// Forward: one block per 32 faces x 32 vertices, 256 threads of 4 faces x 1 vertex x 3 coordinates each; basis and
// coefficients pass through shared memory in panels of kPanel columns; the pose is applied before the only store.
// Backward: the moments A[b, i, (k, d)] = sum_n grad_V[n, i] Phi[n, d, k] (Phi_0 = mean) of each chunk of vertices, a
// tiled product; then one block per face adds the chunks in order and contracts:
//   grad_c[k] = sum_id M[i, d] A[i, (k, d)],  grad_M[i, d] = sum_k a_k A[i, (k, d)],  grad_t[i] = sum_n grad_V[n, i].
#include "kernels/cuda.cuh"
#include "kernels/synthesize_shape.h"

namespace pyface3d {
namespace {
constexpr int kFaces = 32, kVertices = 32, kPanel = 16;
constexpr int kTile = 64, kDepth = 16;  // of the moments' product: 64 x 64 outputs a block, 4 x 4 a thread

template <typename T>
__device__ __forceinline__ PickedRow row_of(const SynthesizeShape<T>& p, int64_t n) {
  return PickedRow(p.indices, n, p.row_count);
}

template <typename T>  // element `at` of a row with `width` elements
__device__ __forceinline__ T element(const T* values, const PickedRow& picked, int64_t width, int64_t at) {
  return picked(values[picked.row * width + at]);
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) synthesize_kernel(SynthesizeShape<T> p) {
  __shared__ T basis[kPanel][3 * kVertices + 1];  // + 1: no bank conflicts while it is filled
  __shared__ T coeffs[kPanel][kFaces + 1];
  const int t = threadIdx.x, vertex = t % kVertices, quad = t / kVertices;
  const int64_t K = p.coeff_count, tiles = (p.vertex_count + kVertices - 1) / kVertices;
  const int64_t groups = (p.batch + kFaces - 1) / kFaces;
  for (int64_t item = blockIdx.x; item < tiles * groups;
       item += gridDim.x) {  // faces vary slowest: the basis is shared by L2
    const int64_t first_vertex = item % tiles * kVertices, first_face = item / tiles * kFaces;
    const int64_t n = first_vertex + vertex;
    T shape[4][3];
    for (int d = 0; d < 3; ++d) {
      const T mean = n < p.vertex_count ? element<T>(p.mean, row_of(p, n), 3, d) : T(0);
      for (int f = 0; f < 4; ++f) shape[f][d] = mean;
    }
    for (int64_t k0 = 0; k0 < K; k0 += kPanel) {
      for (int i = t; i < kPanel * 3 * kVertices; i += kCudaThreads) {
        const int k = i % kPanel, row = i / kPanel;  // consecutive threads read consecutive k
        const int64_t v = first_vertex + row / 3;
        const bool inside = v < p.vertex_count && k0 + k < K;
        basis[k][row] = inside ? element<T>(p.basis, row_of(p, v), 3 * K, row % 3 * K + k0 + k) : T(0);
      }
      for (int i = t; i < kPanel * kFaces; i += kCudaThreads) {
        const int k = i % kPanel, f = i / kPanel;
        const bool inside = first_face + f < p.batch && k0 + k < K;
        coeffs[k][f] = inside ? p.coeffs[(first_face + f) * K + k0 + k] : T(0);
      }
      __syncthreads();
      const int present = K - k0 < kPanel ? static_cast<int>(K - k0) : kPanel;  // padding zeros would spread a NaN
      for (int k = 0; k < present; ++k) {
        const T x = basis[k][vertex * 3], y = basis[k][vertex * 3 + 1], z = basis[k][vertex * 3 + 2];
        for (int f = 0; f < 4; ++f) {
          const T c = coeffs[k][quad * 4 + f];
          shape[f][0] += x * c;
          shape[f][1] += y * c;
          shape[f][2] += z * c;
        }
      }
      __syncthreads();
    }
    for (int f = 0; f < 4; ++f) {
      const int64_t face = first_face + quad * 4 + f;
      if (face >= p.batch || n >= p.vertex_count) continue;
      T* out = p.out + (face * p.vertex_count + n) * 3;
      const T* m = p.pose + face * 12;
      for (int r = 0; r < 3; ++r)
        out[r] = p.pose
                     ? m[r * 4] * shape[f][0] + m[r * 4 + 1] * shape[f][1] + m[r * 4 + 2] * shape[f][2] + m[r * 4 + 3]
                     : shape[f][r];
    }
  }
}

// Column j of the moments: j = k * 3 + d of [mean | basis], then one column of ones.
template <typename T>
__device__ __forceinline__ T moment_column(const SynthesizeShape<T>& p, const PickedRow& row, int64_t j) {
  const int64_t k = j / 3, d = j % 3;
  if (k == p.coeff_count + 1) return T(1);
  return k == 0 ? element<T>(p.mean, row, 3, d)
                : element<T>(p.basis, row, 3 * p.coeff_count, d * p.coeff_count + k - 1);
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) moments_kernel(SynthesizeShape<T> p) {
  __shared__ T grad[kDepth][kTile + 1];
  __shared__ T columns[kDepth][kTile + 1];
  const int t = threadIdx.x, tx = t % 16, ty = t / 16;
  const int64_t rows = p.batch * 3, width = synthesize_moments(p.coeff_count);
  const int64_t row_tiles = (rows + kTile - 1) / kTile, column_tiles = (width + kTile - 1) / kTile;
  const int64_t chunks = synthesize_chunks(p.vertex_count);
  for (int64_t item = blockIdx.x; item < chunks * row_tiles * column_tiles; item += gridDim.x) {
    const int64_t chunk = item / (row_tiles * column_tiles), tile = item % (row_tiles * column_tiles);
    const int64_t row0 = tile / column_tiles * kTile, column0 = tile % column_tiles * kTile;
    const int64_t begin = chunk * kSynthesizeChunk;
    const int64_t end = begin + kSynthesizeChunk < p.vertex_count ? begin + kSynthesizeChunk : p.vertex_count;
    T sum[4][4] = {};
    for (int64_t n0 = begin; n0 < end; n0 += kDepth) {
      for (int i = t; i < kDepth * kTile; i += kCudaThreads) {
        const int depth = i / kTile, at = i % kTile;
        const int64_t n = n0 + depth, row = row0 + at, column = column0 + at;
        grad[depth][at] = n < end && row < rows ? p.grad_out[(row / 3 * p.vertex_count + n) * 3 + row % 3] : T(0);
        columns[depth][at] = n < end && column < width ? moment_column<T>(p, row_of(p, n), column) : T(0);
      }
      __syncthreads();
      for (int depth = 0; depth < kDepth; ++depth)
        for (int i = 0; i < 4; ++i)
          for (int j = 0; j < 4; ++j) sum[i][j] += grad[depth][ty + 16 * i] * columns[depth][tx + 16 * j];
      __syncthreads();
    }
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 4; ++j) {
        const int64_t row = row0 + ty + 16 * i, column = column0 + tx + 16 * j;
        if (row < rows && column < width) p.moments[(chunk * rows + row) * width + column] = sum[i][j];
      }
  }
}

// A[b, i, j] with the chunks added in order.
template <typename T>
__device__ __forceinline__ T moment(const SynthesizeShape<T>& p, int64_t face, int i, int64_t j) {
  const int64_t rows = p.batch * 3, width = synthesize_moments(p.coeff_count);
  T sum = 0;
  PYFACE3D_NO_UNROLL  // its caller unrolls it ninefold already: more spills on sm_75
      for (int64_t chunk = 0; chunk < synthesize_chunks(p.vertex_count); ++chunk) sum +=
      p.moments[(chunk * rows + face * 3 + i) * width + j];
  return sum;
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) contract_kernel(SynthesizeShape<T> p) {
  __shared__ T shared[kCudaThreads];
  const int64_t K = p.coeff_count;
  for (int64_t face = blockIdx.x; face < p.batch; face += gridDim.x) {
    const T* m = p.pose + face * 12;
    const T* c = p.coeffs + face * K;
    T* out = p.grad_parts + face * (K + 12);
    T grad_m[3][3] = {};
    for (int64_t k = threadIdx.x; k <= K; k += kCudaThreads) {
      T grad_c = 0;
      for (int i = 0; i < 3; ++i)
        for (int d = 0; d < 3; ++d) {
          if (!p.pose && i != d) continue;
          const T a = moment<T>(p, face, i, k * 3 + d);
          grad_c += p.pose ? m[i * 4 + d] * a : a;
          grad_m[i][d] += k == 0 ? a : c[k - 1] * a;
        }
      if (k > 0) out[k - 1] = grad_c;
    }
    for (int i = 0; i < 3; ++i) {
      for (int d = 0; d < 3; ++d) {
        const T sum = block_sum(grad_m[i][d], shared);
        if (threadIdx.x == 0) out[K + i * 4 + d] = sum;
      }
      if (threadIdx.x == 0) out[K + i * 4 + 3] = moment<T>(p, face, i, (K + 1) * 3);
    }
  }
}

// grad_mean and grad_basis: one thread per (vertex, coordinate, column), summed over faces in order.
template <typename T>
__global__ void grad_model_kernel(SynthesizeShape<T> p) {
  const int64_t K = p.coeff_count, columns = p.want_basis ? K + 1 : 1;
  for (int64_t i = cuda_first(); i < p.vertex_count * 3 * columns; i += cuda_stride()) {
    const int64_t k = i % columns, d = i / columns % 3, n = i / columns / 3;
    T sum = 0;
    for (int64_t face = 0; face < p.batch; ++face) {
      const T* g = p.grad_out + (face * p.vertex_count + n) * 3;
      const T* m = p.pose + face * 12;
      const T h = p.pose ? m[d] * g[0] + m[4 + d] * g[1] + m[8 + d] * g[2] : g[d];
      sum += k == 0 ? h : h * p.coeffs[face * K + k - 1];
    }
    if (k > 0) p.grad_basis[(n * 3 + d) * K + k - 1] = sum;
    if (k == 0 && p.want_mean) p.grad_mean[n * 3 + d] = sum;
  }
}
}  // namespace

template <typename T>
const char* synthesize_shape_forward_cuda(const SynthesizeShape<T>& p, void* stream) {
  const int64_t tiles = (p.vertex_count + kVertices - 1) / kVertices, groups = (p.batch + kFaces - 1) / kFaces;
  return cuda_launch(synthesize_kernel<T>, cuda_blocks(tiles * groups, 1), kCudaThreads, stream, p);
}

template <typename T>
const char* synthesize_shape_backward_cuda(const SynthesizeShape<T>& p, void* stream) {
  const char* error = nullptr;
  if (p.want_params) {
    const int64_t row_tiles = (p.batch * 3 + kTile - 1) / kTile;
    const int64_t column_tiles = (synthesize_moments(p.coeff_count) + kTile - 1) / kTile;
    const int64_t items = synthesize_chunks(p.vertex_count) * row_tiles * column_tiles;
    error = cuda_launch(moments_kernel<T>, cuda_blocks(items, 1), kCudaThreads, stream, p);
    if (!error) error = cuda_launch(contract_kernel<T>, cuda_blocks(p.batch, 1), kCudaThreads, stream, p);
  }
  if (error || !(p.want_mean || p.want_basis)) return error;
  const int64_t count = p.vertex_count * 3 * (p.want_basis ? p.coeff_count + 1 : 1);
  return cuda_launch(grad_model_kernel<T>, cuda_blocks(count), kCudaThreads, stream, p);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(synthesize_shape, SynthesizeShape)
}  // namespace pyface3d
