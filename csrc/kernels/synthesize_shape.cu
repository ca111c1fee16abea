// Forward: a block makes 64 faces x 32 vertices, a warp 16 faces of them by warp_product; basis and coefficients pass
// through shared memory in panels of columns, and so do the posed vertices, to be written in whole lines. A block takes
// tile after tile and keeps its coefficients.
#include "kernels/model_pass.cuh"
#include "kernels/synthesize_shape.h"

namespace pyface3d {
namespace {
constexpr int kThreads = 128, kFaces = 64, kVertices = 32, kRows = 3 * kVertices;
constexpr int64_t kBlocks = 4 * 132;  // of the forward: they stay, four on each of 132 SMs
template <typename T>
constexpr int kPanel = sizeof(T) == 4 ? 64 : 32;
template <typename T>
constexpr int kStride = kPanel<T> + kPassPadding;
template <typename T>
constexpr int kStaged = sizeof(T) == 4 ? kFaces : kFaces / 2;  // faces whose vertices fit the tile's memory

// Coordinate r of a vertex by plain sums: where tensor cores say NaN, for which an infinite factor is enough.
template <typename T>
__device__ T plain_value(const SynthesizeShape<T>& p, int64_t face, int64_t n, int r) {
  const PickedRow picked(p.indices, n, p.row_count);
  T shape[3];
  for (int d = 0; d < 3; ++d) {
    shape[d] = picked(p.mean[picked.row * 3 + d]);
    const T* row = p.basis + (picked.row * 3 + d) * p.coeff_count;
    for (int64_t k = 0; k < p.coeff_count; ++k) shape[d] += row[k] * p.coeffs[face * p.coeff_count + k];
  }
  if (!p.pose) return r == 0 ? shape[0] : r == 1 ? shape[1] : shape[2];
  const Vector3<T> s{shape[0], shape[1], shape[2]};
  return pose_row(p.pose, face, r).dot(s) + p.pose[face * 12 + r * 4 + 3];
}

// Columns [k0, k0 + kPanel) of the coefficients of kFaces faces; zero beyond their ends.
template <typename T>
__device__ __forceinline__ void fill_coeffs(const SynthesizeShape<T>& p, int64_t faces, int64_t k0, T* coeffs) {
  for (int i = threadIdx.x; i < kFaces * kPanel<T>; i += kThreads) {
    const int64_t face = faces + i / kPanel<T>, k = k0 + i % kPanel<T>;
    coeffs[i / kPanel<T> * kStride<T> + i % kPanel<T>] =
        face < p.batch && k < p.coeff_count ? p.coeffs[face * p.coeff_count + k] : T(0);
  }
}

template <typename T>
__device__ __forceinline__ void multiply_panel(const T* basis, const T* coeffs, int steps, T (&shape)[4][3][4]) {
  const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  const T *face = coeffs + (threadIdx.x / 32 * 16 + g) * kStride<T> + t, *vertex = basis + g * 3 * kStride<T> + t;
  for (int step = 0; step < steps; ++step, face += 8, vertex += 8) {
    const T c[4] = {face[0], face[8 * kStride<T>], face[4], face[8 * kStride<T> + 4]};
    PYFACE3D_UNROLL
    for (int j = 0; j < 4; ++j) PYFACE3D_UNROLL
    for (int d = 0; d < 3; ++d) {
      const T* at = vertex + (j * 24 + d) * kStride<T>;
      const T b[2] = {at[0], at[4]};
      warp_product(shape[j][d], c, b);
    }
  }
}

// This lane's vertices of its face in `half`, posed, to its row of staged vertices.
template <typename T>
__device__ __forceinline__ void stage_vertices(const SynthesizeShape<T>& p, int64_t face, int half, const T* mean,
                                               const T (&shape)[4][3][4], T* row) {
  PYFACE3D_UNROLL
  for (int r = 0; r < 3; ++r) {
    const bool posed = p.pose && face < p.batch;
    const Vector3<T> m = posed ? pose_row(p.pose, face, r) : Vector3<T>{T(r == 0), T(r == 1), T(r == 2)};
    const T shift = posed ? p.pose[face * 12 + r * 4 + 3] : T(0);
    PYFACE3D_UNROLL
    for (int j = 0; j < 4; ++j) PYFACE3D_UNROLL
    for (int e = 0; e < 2; ++e) {
      const int v = j * 8 + threadIdx.x % 4 * 2 + e, i = half * 2 + e;
      const Vector3<T> s{shape[j][0][i] + mean[v * 3], shape[j][1][i] + mean[v * 3 + 1],
                         shape[j][2][i] + mean[v * 3 + 2]};
      row[v * 3 + r] = p.pose ? m.dot(s) + shift : r == 0 ? s.x : r == 1 ? s.y : s.z;
    }
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) synthesize_kernel(SynthesizeShape<T> p) {
  __shared__ T basis[kRows * kStride<T>], coeffs[kFaces * kStride<T>], mean[kRows];
  const int64_t K = p.coeff_count, groups = (p.batch + kFaces - 1) / kFaces;
  int64_t held = -1;  // the group whose coefficients stand in shared memory
  for (int64_t item = blockIdx.x; item < (p.vertex_count + kVertices - 1) / kVertices * groups; item += gridDim.x) {
    const int64_t first = item / groups * kVertices, faces = item % groups * kFaces;
    const int present = p.vertex_count - first < kVertices ? static_cast<int>(p.vertex_count - first) : kVertices;
    T shape[4][3][4] = {};
    for (int64_t k0 = 0; k0 == 0 || k0 < K; k0 += kPanel<T>) {
      __syncthreads();  // what was read before is overwritten
      if (k0 == 0 && threadIdx.x < kRows) {
        const PickedRow picked(p.indices, static_cast<int>(threadIdx.x) / 3 < present ? first + threadIdx.x / 3 : 0,
                               p.row_count);
        mean[threadIdx.x] = picked(p.mean[picked.row * 3 + threadIdx.x % 3]);
      }
      fill_basis(ModelTable<T>{p.mean, p.basis, p.indices, p.row_count}, K, first, present, kVertices / 8, k0,
                 kPanel<T>, basis);
      if (K > kPanel<T> || held != faces) fill_coeffs(p, faces, k0, coeffs);
      held = faces;
      __syncthreads();
      const int64_t steps = (K - k0 + 7) / 8;
      if (faces + threadIdx.x / 32 * 16 < p.batch)
        multiply_panel(basis, coeffs, static_cast<int>(steps < kPanel<T> / 8 ? steps : kPanel<T> / 8), shape);
    }
    PYFACE3D_NO_UNROLL
    for (int staged = 0; staged < kFaces; staged += kStaged<T>) {
      __syncthreads();  // the basis is read: its memory holds vertices now
      const int row = static_cast<int>(threadIdx.x) / 32 * 16 + static_cast<int>(threadIdx.x) % 32 / 4 - staged;
      PYFACE3D_UNROLL
      for (int half = 0; half < 2; ++half)
        if (row >= 0 && row < kStaged<T>)
          stage_vertices(p, faces + staged + row + half * 8, half, mean, shape, basis + (row + half * 8) * (kRows + 1));
      __syncthreads();
      for (int f = threadIdx.x / 32; f < kStaged<T> && faces + staged + f < p.batch; f += kThreads / 32) {
        const int64_t face = faces + staged + f;
        for (int i = threadIdx.x % 32; i < present * 3; i += 32) {
          const T value = basis[f * (kRows + 1) + i];
          p.out[(face * p.vertex_count + first) * 3 + i] =
              value == value ? value : plain_value(p, face, first + i / 3, i % 3);
        }
      }
    }
  }
}
}  // namespace

template <typename T>
const char* synthesize_shape_forward_cuda(const SynthesizeShape<T>& p, void* stream) {
  const int64_t groups = (p.batch + kFaces - 1) / kFaces, items = (p.vertex_count + kVertices - 1) / kVertices * groups;
  if (items == 0) return nullptr;
  const int64_t stay = groups < kBlocks ? kBlocks / groups * groups : groups;  // a block's group does not change
  return cuda_launch(synthesize_kernel<T>, cuda_blocks(items < stay ? items : stay, 1), kThreads, stream, p);
}

#define PYFACE3D_KERNELS(T) template const char* synthesize_shape_forward_cuda<T>(const SynthesizeShape<T>&, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
