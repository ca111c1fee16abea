// grad_coeffs and grad_pose by one pass over the model (model_pass.cuh), which makes S anew; grad_basis and grad_mean
// as the product of h = M^T grad_V (vertices x faces) and [c | 1] (faces x columns).
#include "kernels/model_pass.cuh"
#include "kernels/synthesize_shape.h"

namespace pyface3d {
namespace {
constexpr int kThreads = 128, kVertices = 32;

template <typename T>
struct SynthesizePass {
  static constexpr int kProducts = 1, kSums = 12;  // grad_pose, before the K of grad_coeffs
  SynthesizeShape<T> p;
  ModelTable<T> model;
  T* sums;

  struct Shared {
    Four<T> pose[kPassFaces][3];
    Four<T> mean[kPassVertices];
  };
  struct Early {
    T grad[3][4];
  };

  __device__ T coefficient(int, int64_t at) const { return p.coeffs[at]; }
  __device__ bool wants_gradient() const { return true; }
  __device__ bool wants_shape(int64_t column) const { return p.pose && column == 0; }

  __device__ void stage_faces(const PassShape& shape, int64_t first, Shared& shared) const {
    for (int i = threadIdx.x; i < shape.faces * 12; i += kPassThreads) {
      const int face = i / 12, r = i % 12 / 4, d = i % 4;
      const bool posed = p.pose && first + face < p.batch;
      shared.pose[face][r].v[d] = posed ? p.pose[(first + face) * 12 + i % 12] : T(r == d);
    }
  }

  __device__ void stage_vertices(const PassShape& shape, const PassLane& lane, Shared& shared) const {
    const int i = threadIdx.x;
    if (i >= shape.split * kWarpVertices || i >= lane.present) return;
    const PickedRow picked(p.indices, lane.first + i, p.row_count);
    const Vector3<T> mean = load_row(p.mean, picked.row);
    shared.mean[i] = {{picked(mean.x), mean.y, mean.z, T(0)}};
  }

  __device__ __forceinline__ Early load(const PassShape& shape, const PassLane& lane, int64_t faces) const {
    Early out;
    PYFACE3D_UNROLL
    for (int i = 0; i < 4; ++i) PYFACE3D_UNROLL
    for (int d = 0; d < 3; ++d) {
      const int64_t b = faces + lane.row + i / 2 * 8, n = lane.first + lane.vertex + i % 2;
      const bool inside = b < shape.batch && lane.vertex + i % 2 < lane.present;
      out.grad[d][i] = inside ? p.grad_out[(b * shape.vertex_count + n) * 3 + d] : T(0);
    }
    return out;
  }

  __device__ __forceinline__ void turn(const PassLane& lane, const Early& early, const Shared& shared,
                                       const T (&value)[1][3][4], T (&h)[3][4], T (&own)[2][kSums]) const {
    PYFACE3D_UNROLL
    for (int i = 0; i < 4; ++i) {
      const bool inside = lane.vertex + i % 2 < lane.present;
      const Four<T> mean = inside ? shared.mean[lane.vertex + i % 2] : Four<T>{};
      PYFACE3D_UNROLL
      for (int d = 0; d < 3; ++d) h[d][i] = 0;
      PYFACE3D_UNROLL
      for (int r = 0; r < 3; ++r) {
        const Four<T> pose = shared.pose[lane.row + i / 2 * 8][r];
        const T grad = early.grad[r][i];
        PYFACE3D_UNROLL
        for (int d = 0; d < 3; ++d) {
          h[d][i] += pose.v[d] * grad;
          own[i / 2][r * 4 + d] += inside ? grad * (value[0][d][i] + mean.v[d]) : T(0);
        }
        own[i / 2][r * 4 + 3] += grad;
      }
    }
  }

  __device__ void put(int64_t b, int64_t i, T sum) const {
    const int64_t K = p.coeff_count;
    p.grad_parts[b * (K + kSums) + (i < kSums ? K + i : i - kSums)] = sum;
  }
};

constexpr int kChunk = 32, kHStride = 3 * kVertices + 8, kCStride = 72;  // faces at a time; rows without bank conflicts

// h of kChunk faces and kVertices vertices, as [face][coordinate][vertex]; zero beyond their ends.
template <typename T>
__device__ __forceinline__ void fill_turned(const SynthesizeShape<T>& p, int64_t faces, int64_t first, T* turned) {
  for (int i = threadIdx.x; i < kChunk * kVertices; i += kThreads) {
    const int f = i / kVertices, v = i % kVertices;
    const int64_t b = faces + f, n = first + v;
    Vector3<T> h{0, 0, 0};
    if (b < p.batch && n < p.vertex_count) {
      const Vector3<T> g = load_row(p.grad_out, b * p.vertex_count + n);
      h = p.pose ? pose_row(p.pose, b, 0) * g.x + pose_row(p.pose, b, 1) * g.y + pose_row(p.pose, b, 2) * g.z : g;
    }
    T* at = turned + f * kHStride + v;
    at[0] = h.x, at[kVertices] = h.y, at[2 * kVertices] = h.z;
  }
}

// One block per 32 vertices and 64 columns of [c | 1]; a warp makes 16 of the columns, faces in order.
template <typename T>
__global__ void __launch_bounds__(kThreads) grad_model_kernel(SynthesizeShape<T> p, int64_t begin, int64_t end) {
  __shared__ T turned[kChunk * kHStride], coeffs[kChunk * kCStride];
  const int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  const int64_t K = p.coeff_count, panels = (end - begin + 63) / 64;
  for (int64_t item = blockIdx.x; item < (p.vertex_count + kVertices - 1) / kVertices * panels; item += gridDim.x) {
    const int64_t first = item / panels * kVertices, column = begin + item % panels * 64;
    T sum[3][2][2][4] = {};  // coordinate, half of the vertices, half of the columns
    for (int64_t faces = 0; faces < p.batch; faces += kChunk) {
      __syncthreads();  // the chunk before is read
      fill_turned(p, faces, first, turned);
      for (int i = threadIdx.x; i < kChunk * 64; i += kThreads) {
        const int64_t b = faces + i / 64, k = column + i % 64;
        coeffs[i / 64 * kCStride + i % 64] = b < p.batch && k < K ? p.coeffs[b * K + k] : T(b < p.batch && k == K);
      }
      __syncthreads();
      PYFACE3D_NO_UNROLL
      for (int b = 0; b < kChunk; b += 8) {
        const T* c = coeffs + (b + t) * kCStride + warp * 16 + g;
        const T right[2][2] = {{c[0], c[4 * kCStride]}, {c[8], c[4 * kCStride + 8]}};
        PYFACE3D_UNROLL
        for (int d = 0; d < 3; ++d) PYFACE3D_UNROLL
        for (int v = 0; v < 2; ++v) {
          const T* h = turned + (b + t) * kHStride + d * kVertices + v * 16 + g;
          const T left[4] = {h[0], h[8], h[4 * kHStride], h[4 * kHStride + 8]};
          warp_product(sum[d][v][0], left, right[0]);
          warp_product(sum[d][v][1], left, right[1]);
        }
      }
    }
    PYFACE3D_UNROLL
    for (int i = 0; i < 48; ++i) {
      const int64_t n = first + i / 8 % 2 * 16 + i % 4 / 2 * 8 + g,
                    k = column + warp * 16 + i / 4 % 2 * 8 + 2 * t + i % 2;
      const int d = i / 16;
      if (n >= p.vertex_count || k >= end) continue;
      if (k < K)
        p.grad_basis[(n * 3 + d) * K + k] = sum[d][i / 8 % 2][i / 4 % 2][i % 4];
      else
        p.grad_mean[n * 3 + d] = sum[d][i / 8 % 2][i / 4 % 2][i % 4];
    }
  }
}
}  // namespace

template <typename T>
const char* synthesize_shape_backward_cuda(const SynthesizeShape<T>& p, void* stream) {
  const char* error = nullptr;
  if (p.want_params) {
    const SynthesizePass<T> pass{p, {p.mean, p.basis, p.indices, p.row_count}, p.sums};
    error = launch_pass<T>(pass, synthesize_pass(p), p.fragments, p.coeff_count + 12, stream);
  }
  if (error || !(p.want_mean || p.want_basis)) return error;
  const int64_t begin = p.want_basis ? 0 : p.coeff_count, end = p.coeff_count + (p.want_mean ? 1 : 0);
  const int64_t items = (p.vertex_count + kVertices - 1) / kVertices * ((end - begin + 63) / 64);
  return cuda_launch(grad_model_kernel<T>, cuda_blocks(items, 1), kThreads, stream, p, begin, end);
}

#define PYFACE3D_KERNELS(T) template const char* synthesize_shape_backward_cuda<T>(const SynthesizeShape<T>&, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
