// One pass over a face model for all faces of a batch, with sums over its vertices:
//   shape[q, b, n] = basis[n] c_q[b]  for one or two sets of coefficients,
//   h[b, n] and some sums[b] += ... from them: what the op says,  grad[b] = sum_n basis[n]^T h[b, n].
// A block takes a slab of vertices and 64 faces. Tiles of the basis pass through shared memory; a warp makes `shape` of
// 16 faces and 8 vertices by warp_product, and its sums lie in registers where the factors of `grad` are wanted. Each
// slab has sums of its own, added up in a fixed order at the end: no atomics.
#pragma once
#include "kernels/model_pass.h"
#include "kernels/warp_product.cuh"

namespace pyface3d {
constexpr int kPassThreads = 32 * kPassWarps;
constexpr int kPassFaces = static_cast<int>(kPassWarps * kWarpFaces);        // of a block, at most
constexpr int kPassVertices = static_cast<int>(kPassWarps * kWarpVertices);  // of a tile, at most
template <typename T>  // columns of a tile in shared memory, over all warps that take other vertices
constexpr int kPassColumns = sizeof(T) == 4 ? 256 : 128;
constexpr int kPassPadding = 4;  // of a row: lanes that read eight vertices at once meet 32 banks

template <typename T>
struct alignas(16) Four {  // read at once
  T v[4];
};

template <typename T>
struct ModelTable {
  const T *mean, *basis;   // (N, 3), (N, 3, K)
  const int64_t* indices;  // (L,) or null
  int64_t row_count;       // N
};

struct PassLane {   // whose four values a lane holds: faces `row` and + 8 of the block, vertices `vertex` and + 1
  int row, vertex;  // of the block's faces and of the tile's vertices
  int present;      // vertices in the tile
  int64_t first;    // the tile's first vertex
};

// The coefficients as the lanes read them: [16 faces][8 columns][lane][set][4].
template <typename T, typename Op>
__global__ void pass_fragments_kernel(Op op, PassShape shape, T* fragments) {
  constexpr int kValues = 4 * Op::kProducts;
  for (int64_t i = cuda_first(); i < shape.fragments(Op::kProducts); i += cuda_stride()) {
    const int64_t value = i % kValues, lane = i / kValues % 32, step = i / kValues / 32;
    const int64_t b = step / shape.steps() * kWarpFaces + lane / 4 + value % 2 * 8;
    const int64_t k = step % shape.steps() * 8 + lane % 4 + value / 2 % 2 * 4;
    fragments[i] = b < shape.batch && k < shape.coeff_count
                       ? op.coefficient(static_cast<int>(value / 4), b * shape.coeff_count + k)
                       : T(0);
  }
}

// Rows (vertex, coordinate) of 8 `parts` vertices, of which `present` exist, and columns [k0, k0 + columns) of the
// basis; zero beyond its ends. A warp takes two vertices of each part, whose six rows are on their way together.
template <typename T>
__device__ __forceinline__ void fill_basis(const ModelTable<T>& model, int64_t K, int64_t first, int present, int parts,
                                           int64_t k0, int columns, T* tile) {
  const int stride = columns + kPassPadding, left = K - k0 < columns ? static_cast<int>(K - k0) : columns;
  PYFACE3D_NO_UNROLL
  for (int v = static_cast<int>(threadIdx.x) / 32 * 2; v < parts * kWarpVertices; v += kWarpVertices) {
    const bool inside[2] = {v < present, v + 1 < present};
    const PickedRow one(model.indices, inside[0] ? first + v : 0, model.row_count);
    const PickedRow two(model.indices, inside[1] ? first + v + 1 : 0, model.row_count);
    const bool unknown[2] = {inside[0] && !one.inside, inside[1] && !two.inside};
    const T* from[2] = {model.basis + one.row * 3 * K + k0, model.basis + two.row * 3 * K + k0};
    PYFACE3D_NO_UNROLL
    for (int k = threadIdx.x % 32; k < (left + 7) / 8 * 8; k += 32) {
      T values[6];
      PYFACE3D_UNROLL
      for (int i = 0; i < 6; ++i) values[i] = inside[i / 3] && k < left ? from[i / 3][i % 3 * K + k] : T(0);
      PYFACE3D_UNROLL
      for (int i = 0; i < 6; ++i)
        tile[(v * 3 + i) * stride + k] = (i < 3 ? unknown[0] : unknown[1]) ? T(NAN) : values[i];
    }
  }
}

// value[q][d] += of 16 faces and 8 vertices, over the columns [k0, k0 + columns) that the tile holds.
template <typename T, int kProducts>
__device__ __forceinline__ void add_products(const PassShape& shape, const T* fragments, int64_t k0, const T* tile,
                                             int columns, T (&value)[kProducts][3][4]) {
  const int lane = threadIdx.x % 32, stride = columns + kPassPadding;
  const int64_t left = (shape.coeff_count - k0 + 7) / 8, most = columns / 8;
  const int steps = static_cast<int>(left < most ? left : most);
  const T* at = tile + lane / 4 * 3 * stride + lane % 4;
  const auto* coeffs = reinterpret_cast<const Four<T>*>(fragments) + (k0 / 8 * 32 + lane) * kProducts;
  for (int step = 0; step < steps; ++step, at += 8, coeffs += 32 * kProducts) {
    Four<T> c[kProducts];
    PYFACE3D_UNROLL
    for (int q = 0; q < kProducts; ++q) c[q] = coeffs[q];
    PYFACE3D_UNROLL
    for (int d = 0; d < 3; ++d) {
      const T b[2] = {at[d * stride], at[d * stride + 4]};
      PYFACE3D_UNROLL
      for (int q = 0; q < kProducts; ++q) warp_product(value[q][d], c[q].v, b);
    }
  }
}

// grad += h^T basis over the warp's 8 vertices: the lane that made h of vertices 2 t and 2 t + 1 brings them as the
// columns t and t + 4 of the product's left factor, whose order does not matter.
template <typename T, int kTiles>
__device__ __forceinline__ void add_gradient(const T (&h)[3][4], const T* tile, int columns, int wanted,
                                             T (&grad)[kTiles][4]) {
  const int lane = threadIdx.x % 32, stride = columns + kPassPadding;
  const T* at = tile + lane % 4 * 6 * stride + lane / 4;
  PYFACE3D_UNROLL
  for (int k = 0; k < kTiles; ++k) {
    if (8 * k >= wanted) break;
    PYFACE3D_UNROLL
    for (int d = 0; d < 3; ++d) {
      const T a[4] = {h[d][0], h[d][2], h[d][1], h[d][3]};
      const T b[2] = {at[d * stride + 8 * k], at[(3 + d) * stride + 8 * k]};
      warp_product(grad[k], a, b);
    }
  }
}

// Writes a warp's sums: the op's own, added up over the four lanes of a face, and the gradient's columns.
template <typename T, typename Op, int kTiles>
__device__ __forceinline__ void write_sums(const Op& op, const PassShape& shape, int64_t row, int64_t face,
                                           int64_t column, const T (&own)[2][Op::kSums], const T (&grad)[kTiles][4]) {
  const int64_t K = shape.coeff_count, width = Op::kSums + K;
  PYFACE3D_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int64_t b = face + half * 8;
    T* out = op.sums + (row * shape.batch + b) * width;
    PYFACE3D_UNROLL
    for (int i = 0; i < Op::kSums; ++i) {
      T sum = own[half][i];
      sum += __shfl_xor_sync(0xffffffffu, sum, 1);
      sum += __shfl_xor_sync(0xffffffffu, sum, 2);
      if (column == 0 && threadIdx.x % 4 == 0 && b < shape.batch) out[i] = sum;
    }
    PYFACE3D_UNROLL
    for (int k = 0; k < kTiles; ++k) PYFACE3D_UNROLL
    for (int e = 0; e < 2; ++e) {
      const int64_t at = column + 8 * k + threadIdx.x % 4 * 2 + e;
      if (at < K && b < shape.batch) out[Op::kSums + at] = grad[k][half * 2 + e];
    }
  }
}

template <typename T, typename Op>
__global__ void __launch_bounds__(kPassThreads) pass_kernel(Op op, PassShape shape, const T* fragments) {
  __shared__ T tile[24 * (kPassColumns<T> + 4 * kPassPadding)];
  __shared__ typename Op::Shared shared;
  constexpr int kTiles = kPassPanel<T> / 8;
  const int split = static_cast<int>(shape.split), columns = kPassColumns<T> / split, warp = threadIdx.x / 32;
  const int faces = warp / split * kWarpFaces;  // the block's before this warp's
  const T* own_tile = tile + warp % split * 24 * (columns + kPassPadding);
  const int64_t K = shape.coeff_count, rest = shape.groups * shape.panels;
  for (int64_t item = blockIdx.x; item < shape.slabs * rest; item += gridDim.x) {
    const int64_t begin = item / rest * shape.slab, column = item % shape.panels * kPassPanel<T>;
    const int64_t group = item % rest / shape.panels * shape.faces, held = column / columns * columns;
    const T* own = fragments + (group + faces) / kWarpFaces * shape.steps() * 128 * Op::kProducts;
    const bool any = group + faces < shape.batch;  // of the warp's faces
    const int left =
        static_cast<int>(shape.vertex_count - begin < shape.slab ? shape.vertex_count - begin : shape.slab);
    op.stage_faces(shape, group, shared);
    T grad[kTiles][4] = {}, sums[2][Op::kSums] = {};
    for (int at = 0; at < left; at += static_cast<int>(kWarpVertices) * split) {
      const PassLane lane{faces + static_cast<int>(threadIdx.x) % 32 / 4,
                          warp % split * static_cast<int>(kWarpVertices) + static_cast<int>(threadIdx.x) % 4 * 2,
                          left - at, begin + at};
      T value[Op::kProducts][3][4] = {}, h[3][4];
      const typename Op::Early early = op.load(shape, lane, group);
      for (int64_t k0 = 0; k0 == 0 || k0 < K; k0 += columns) {
        __syncthreads();  // what was read before is overwritten
        if (k0 == 0) op.stage_vertices(shape, lane, shared);
        fill_basis(op.model, K, lane.first, lane.present, split, k0, columns, tile);
        __syncthreads();
        if (any && op.wants_shape(column)) add_products<T>(shape, own, k0, own_tile, columns, value);
      }
      op.turn(lane, early, shared, value, h, sums);
      if (!op.wants_gradient()) continue;
      if (held != (K - 1) / columns * columns) {
        __syncthreads();
        fill_basis(op.model, K, lane.first, lane.present, split, held, columns, tile);
        __syncthreads();
      }
      if (any) add_gradient(h, own_tile + (column - held), columns, static_cast<int>(K - column), grad);
    }
    write_sums<T>(op, shape, item / rest * split + warp % split, group + faces + threadIdx.x % 32 / 4, column, sums,
                  grad);
    __syncthreads();  // `shared` and the tile are read
  }
}

// Adds up the slabs of each face: 32 columns a block, eight parts of the slabs, which are added in order.
template <typename T, typename Op>
__global__ void __launch_bounds__(kCudaThreads) pass_finish_kernel(Op op, PassShape shape, int64_t wanted) {
  __shared__ double shared[kCudaThreads];
  const int64_t width = Op::kSums + shape.coeff_count, parts = kCudaThreads / 32;
  const int64_t columns = (wanted + 31) / 32;
  for (int64_t item = blockIdx.x; item < shape.batch * columns; item += gridDim.x) {
    const int64_t b = item / columns, i = item % columns * 32 + threadIdx.x % 32;
    double sum = 0;
    for (int64_t row = threadIdx.x / 32; row < shape.rows() && i < wanted; row += parts)
      sum += static_cast<double>(op.sums[(row * shape.batch + b) * width + i]);
    shared[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x < 32 && i < wanted) {
      for (int64_t part = 1; part < parts; ++part) sum += shared[part * 32 + threadIdx.x];
      op.put(b, i, static_cast<T>(sum));
    }
    __syncthreads();
  }
}

template <typename T, typename Op>
const char* launch_pass(const Op& op, const PassShape& shape, T* fragments, int64_t wanted, void* stream) {
  const char* error = cuda_launch(pass_fragments_kernel<T, Op>, cuda_blocks(shape.fragments(Op::kProducts)),
                                  kCudaThreads, stream, op, shape, fragments);
  if (!error)
    error = cuda_launch(pass_kernel<T, Op>, cuda_blocks(shape.slabs * shape.groups * shape.panels, 1), kPassThreads,
                        stream, op, shape, static_cast<const T*>(fragments));
  if (error) return error;
  return cuda_launch(pass_finish_kernel<T, Op>, cuda_blocks(shape.batch * ((wanted + 31) / 32), 1), kCudaThreads,
                     stream, op, shape, wanted);
}
}  // namespace pyface3d
