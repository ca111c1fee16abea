// One pass over the model (model_pass.cuh) with two sets of coefficients, c - c' and c': U and S' of 16 faces and 8
// vertices lie in a warp's registers, where each lane makes the errors, penalties and h = M^T g of its four pairs.
#include "kernels/model_pass.cuh"
#include "kernels/penalty.cuh"
#include "kernels/vector3.h"
#include "kernels/wing_vertex_loss.h"

namespace pyface3d {
namespace {
constexpr int kPose = 12;  // numbers of a pose

template <typename T>
struct WingPass {
  static constexpr int kProducts = 2, kSums = 1 + kPose;  // loss and grad_pose, before the K of grad_coeffs
  WingVertexLoss<T> p;
  ModelTable<T> model;
  T* sums;
  PenaltyNumbers<T> penalty;

  struct Shared {
    Four<T> turn[kPassFaces][3][2];   // row r of M with t - t' behind it, and of M - M'
    Four<T> vertices[kPassVertices];  // mean and weight
  };
  struct Early {};

  __device__ T coefficient(int set, int64_t at) const {
    return set == 0 ? p.coeffs[at] - p.target_coeffs[at] : p.target_coeffs[at];
  }
  __device__ bool wants_gradient() const { return p.want_grad; }
  __device__ bool wants_shape(int64_t) const { return true; }

  __device__ void stage_faces(const PassShape& shape, int64_t first, Shared& shared) const {
    for (int i = threadIdx.x; i < shape.faces * kPose; i += kPassThreads) {
      const int face = i / kPose, r = i % kPose / 4, d = i % 4;
      const int64_t at = (first + face) * kPose + i % kPose;
      const T own = first + face < p.batch ? p.pose[at] : T(0);
      const T difference = first + face < p.batch ? own - p.target_pose[at] : T(0);
      shared.turn[face][r][0].v[d] = d < 3 ? own : difference;
      shared.turn[face][r][1].v[d] = d < 3 ? difference : T(0);
    }
  }

  __device__ void stage_vertices(const PassShape& shape, const PassLane& lane, Shared& shared) const {
    const int i = threadIdx.x;
    if (i >= shape.split * kWarpVertices || i >= lane.present) return;
    const PickedRow picked(p.indices, lane.first + i, p.row_count);
    const Vector3<T> mean = load_row(p.mean, picked.row);
    shared.vertices[i] = {{mean.x, mean.y, mean.z, picked(p.weights ? p.weights[lane.first + i] : T(1))}};
  }

  __device__ Early load(const PassShape&, const PassLane&, int64_t) const { return {}; }

  __device__ __forceinline__ void turn(const PassLane& lane, const Early&, const Shared& shared,
                                       const T (&value)[2][3][4], T (&h)[3][4], T (&own)[2][kSums]) const {
    PYFACE3D_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int half = i / 2, e = i % 2;
      const bool inside = lane.vertex + e < lane.present;
      const Four<T> mean = inside ? shared.vertices[lane.vertex + e] : Four<T>{};
      const T moved[3] = {value[0][0][i], value[0][1][i], value[0][2][i]};
      const T target[3] = {value[1][0][i] + mean.v[0], value[1][1][i] + mean.v[1], value[1][2][i] + mean.v[2]};
      T loss = 0;
      PYFACE3D_UNROLL
      for (int d = 0; d < 3; ++d) h[d][i] = 0;
      PYFACE3D_UNROLL
      for (int r = 0; r < 3; ++r) {
        asm volatile("" ::: "memory");  // the rows are read when they are wanted: there are no registers to keep them
        const Four<T> turn = shared.turn[lane.row + half * 8][r][0], change = shared.turn[lane.row + half * 8][r][1];
        T error = turn.v[3], paid, grad;
        PYFACE3D_UNROLL
        for (int d = 0; d < 3; ++d) error += turn.v[d] * moved[d] + change.v[d] * target[d];
        penalise_one(penalty, error, paid, grad);
        grad = inside ? grad * mean.v[3] : T(0);
        loss += inside ? paid * mean.v[3] : T(0);
        PYFACE3D_UNROLL
        for (int d = 0; d < 3; ++d) {
          own[half][1 + r * 4 + d] += grad * (target[d] + moved[d]);
          h[d][i] += turn.v[d] * grad;
        }
        own[half][1 + r * 4 + 3] += grad;
      }
      own[half][0] += loss;
    }
  }

  __device__ void put(int64_t b, int64_t i, T sum) const {
    if (i == 0)
      p.loss[b] = sum;
    else if (i < kSums)
      p.grad_pose[b * kPose + i - 1] = sum;
    else
      p.grad_coeffs[b * p.coeff_count + i - kSums] = sum;
  }
};

template <typename T>
__global__ void scale_kernel(const T* grad_loss, const T* gradient, int64_t count, int64_t width, T* out) {
  for (int64_t i = cuda_first(); i < count; i += cuda_stride()) out[i] = grad_loss[i / width] * gradient[i];
}
}  // namespace

template <typename T>
const char* wing_vertex_loss_forward_cuda(const WingVertexLoss<T>& p, void* stream) {
  const PassShape shape = wing_vertex_pass(p);
  const WingPass<T> pass{p, {p.mean, p.basis, p.indices, p.row_count}, p.sums, PenaltyNumbers<T>(p.penalty)};
  return launch_pass<T>(pass, shape, p.difference, p.want_grad ? WingPass<T>::kSums + p.coeff_count : 1, stream);
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
