// Forward, four launches: snap the vertices; draw small triangles, one thread each, a pixel's winner found by atomicMax
// of a key (depth, then the smaller id); draw the few large triangles, one block per 16 x 16 tile and face; read the
// winners out. A float32 key packs 32 bits of depth with 32 of id; float64 needs all 64 for depth, so it takes a second
// pass for the id. The order of atomics cannot show: the largest key wins whoever comes first.
#include "kernels/pixel_gather.cuh"
#include "kernels/rasterize.h"

namespace pyface3d {
namespace {
constexpr int kTileSide = 16;
constexpr int32_t kSmallPixels = 64;  // a triangle whose box holds more is drawn by tiles

__device__ __forceinline__ unsigned long long ordered(float z) {  // orders like z; 0 is below every depth
  const unsigned bits = __float_as_uint(z + 0.0f);                // -0 and 0 are equally near
  return (bits & 0x80000000u) ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ unsigned long long ordered(double z) {
  const auto bits = static_cast<unsigned long long>(__double_as_longlong(z + 0.0));
  return (bits >> 63) ? ~bits : bits | (1ull << 63);
}

struct Corners {
  int32_t n0, n1, n2;
  template <typename T>
  __device__ Corners(const Rasterize<T>& p, int64_t id)
      : n0(p.corners[id]), n1(p.corners[id + p.triangle_count]), n2(p.corners[id + 2 * p.triangle_count]) {}
  // Out-of-range indices cannot be reported without waiting for the device: such triangles are left out.
  __device__ bool inside(int64_t count) const {
    return n0 >= 0 && n1 >= 0 && n2 >= 0 && n0 < count && n1 < count && n2 < count;
  }
};

struct Triangle {  // the corners clockwise, and the pixels [x0, x1) x [y0, y1) that it may own
  SnappedVertex a, b, c;
  int32_t x0, x1, y0, y1;
  bool drawn;

  template <typename T>
  __device__ Triangle(const Rasterize<T>& p, int64_t face, int64_t id)
      : a{}, b{}, c{}, x0(0), x1(0), y0(0), y1(0), drawn(false) {
    const Corners n(p, id);
    if (!n.inside(p.vertex_count)) return;
    const SnappedVertex* snapped = static_cast<const SnappedVertex*>(p.workspace.snapped) + face * p.vertex_count;
    a = snapped[n.n0], b = snapped[n.n1], c = snapped[n.n2];
    if (a.x == kNowhere || b.x == kNowhere || c.x == kNowhere) return;
    const int64_t area = doubled_area(a, b, c);
    if (area == 0 || (p.cull_backfaces && area > 0)) return;
    const int32_t width = static_cast<int32_t>(p.width), height = static_cast<int32_t>(p.height);
    x0 = pixel_cell(least(a.x, b.x, c.x), 0, width), x1 = pixel_cell(most(a.x, b.x, c.x), 0, width);
    y0 = pixel_cell(least(a.y, b.y, c.y), 0, height), y1 = pixel_cell(most(a.y, b.y, c.y), 0, height);
    if (area < 0) {
      const SnappedVertex swap = b;
      b = c, c = swap;
    }
    drawn = x1 > x0 && y1 > y0;
  }

  __device__ bool large() const { return static_cast<int64_t>(x1 - x0) * (y1 - y0) > kSmallPixels; }
  __device__ bool owns(int32_t x, int32_t y) const {
    return x >= x0 && x < x1 && y >= y0 && y < y1 && inside(a, b, x, y) && inside(b, c, x, y) && inside(c, a, x, y);
  }

 private:
  __device__ static int32_t least(int32_t a, int32_t b, int32_t c) { return a < b ? (a < c ? a : c) : (b < c ? b : c); }
  __device__ static int32_t most(int32_t a, int32_t b, int32_t c) { return a > b ? (a > c ? a : c) : (b > c ? b : c); }
  __device__ static bool inside(SnappedVertex from, SnappedVertex to, int32_t x, int32_t y) {
    return doubled_area(from, to, {x * kSubpixels, y * kSubpixels}) >= (owns_edge(from, to) ? 0 : 1);
  }
};

template <typename T>
__device__ __forceinline__ TrianglePlane<T> plane_of(const Rasterize<T>& p, int64_t face, int64_t id) {
  const Corners n(p, id);
  const T* v = p.vertices + face * p.vertex_count * 3;
  return TrianglePlane<T>(v + int64_t{3} * n.n0, v + int64_t{3} * n.n1, v + int64_t{3} * n.n2);
}

// How a triangle bids for a pixel. kFindId: the second pass of float64, in which the nearest bid their ids.
template <typename T, bool kFindId>
__device__ __forceinline__ void bid(const Rasterize<T>& p, int64_t pixel, int64_t id, T z) {
  if (sizeof(T) == 4) {
    atomicMax(p.workspace.keys + pixel, ordered(z) << 32 | (0xffffffffu - static_cast<unsigned>(id)));
  } else if (!kFindId) {
    atomicMax(p.workspace.keys + pixel, ordered(z));
  } else if (p.workspace.keys[pixel] == ordered(z)) {
    atomicMin(reinterpret_cast<unsigned*>(p.triangle_ids) + pixel, static_cast<unsigned>(id));  // -1 is the largest
  }
}

template <typename T>
__global__ void snap_kernel(Rasterize<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.vertex_count; i += cuda_stride()) {
    const T* v = p.vertices + i * 3;
    static_cast<SnappedVertex*>(p.workspace.snapped)[i] = snap_vertex(v[0], v[1], v[2]);
  }
}

template <typename T, bool kFindId>
__global__ void small_kernel(Rasterize<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.triangle_count; i += cuda_stride()) {
    const int64_t face = i / p.triangle_count, id = i % p.triangle_count;
    const Triangle triangle(p, face, id);
    if (!triangle.drawn) continue;
    if (triangle.large()) {
      if (!kFindId)
        p.workspace.large[face * p.triangle_count + atomicAdd(p.workspace.large_count + face, 1)] =
            static_cast<int32_t>(id);
      continue;
    }
    const TrianglePlane<T> plane = plane_of<T>(p, face, id);
    for (int32_t y = triangle.y0; y < triangle.y1; ++y)
      for (int32_t x = triangle.x0; x < triangle.x1; ++x)
        if (triangle.owns(x, y))
          bid<T, kFindId>(p, (face * p.height + y) * p.width + x, id,
                          plane.depth(plane.at(static_cast<T>(x), static_cast<T>(y))));
  }
}

template <typename T, bool kFindId>
__global__ void __launch_bounds__(kTileSide* kTileSide) large_kernel(Rasterize<T> p) {
  const int64_t across = (p.width + kTileSide - 1) / kTileSide, down = (p.height + kTileSide - 1) / kTileSide;
  for (int64_t tile = blockIdx.x; tile < p.batch * across * down; tile += gridDim.x) {
    const int64_t face = tile / (across * down), at = tile % (across * down);
    const int32_t left = static_cast<int32_t>(at % across) * kTileSide,
                  top = static_cast<int32_t>(at / across) * kTileSide;
    const int32_t x = left + threadIdx.x % kTileSide, y = top + threadIdx.x / kTileSide;
    for (int i = 0; i < p.workspace.large_count[face]; ++i) {
      const int64_t id = p.workspace.large[face * p.triangle_count + i];
      const Triangle triangle(p, face, id);
      if (!triangle.owns(x, y)) continue;
      const TrianglePlane<T> plane = plane_of<T>(p, face, id);
      bid<T, kFindId>(p, (face * p.height + y) * p.width + x, id,
                      plane.depth(plane.at(static_cast<T>(x), static_cast<T>(y))));
    }
  }
}

template <typename T>
__global__ void read_out_kernel(Rasterize<T> p) {
  const int64_t pixels = p.height * p.width;
  for (int64_t i = cuda_first(); i < p.batch * pixels; i += cuda_stride()) {
    const unsigned long long key = p.workspace.keys[i];
    const int32_t id = key == 0         ? -1
                       : sizeof(T) == 4 ? static_cast<int32_t>(0xffffffffu - static_cast<unsigned>(key))
                                        : p.triangle_ids[i];
    T z = 0;
    Barycentric<T> b{0, 0, 0};
    if (id >= 0) {
      const TrianglePlane<T> plane = plane_of<T>(p, i / pixels, id);
      b = plane.at(static_cast<T>(i % p.width), static_cast<T>(i % pixels / p.width));
      z = plane.depth(b);
    }
    T* out = p.barycentrics + i * 3;
    out[0] = b.b0, out[1] = b.b1, out[2] = b.b2;
    p.depth[i] = z;
    p.triangle_ids[i] = id;
  }
}

// Backward: what a pixel's vertices get, but for the factors b_j; then gathered.
template <typename T>
__global__ void pixel_grads_kernel(Rasterize<T> p, ShownTriangles shown, T* grads) {
  for (int64_t i = cuda_first(); i < p.batch * shown.pixels; i += cuda_stride()) {
    const int64_t* corners = shown.triangle_at(i);
    if (!corners) continue;
    const T* v = p.vertices + i / shown.pixels * p.vertex_count * 3;
    const TrianglePlane<T> plane(v + 3 * corners[0], v + 3 * corners[1], v + 3 * corners[2]);
    store_row(grads, i, plane.grad(p.grad_barycentrics + i * 3, p.grad_depth[i]));
  }
}

template <typename T, bool kFindId>
const char* draw(const Rasterize<T>& p, void* stream) {
  const char* error =
      cuda_launch(small_kernel<T, kFindId>, cuda_blocks(p.batch * p.triangle_count), kCudaThreads, stream, p);
  const int64_t across = (p.width + kTileSide - 1) / kTileSide, down = (p.height + kTileSide - 1) / kTileSide;
  if (error) return error;
  return cuda_launch(large_kernel<T, kFindId>, cuda_blocks(p.batch * across * down, 1), kTileSide * kTileSide, stream,
                     p);
}
}  // namespace

template <typename T>
const char* rasterize_forward_cuda(const Rasterize<T>& p, void* stream) {
  const int64_t pixels = p.batch * p.height * p.width;
  const char* error = cuda_fill(p.workspace.keys, 0, pixels * int64_t{sizeof(*p.workspace.keys)}, stream);
  if (!error)
    error = cuda_fill(p.workspace.large_count, 0, p.batch * int64_t{sizeof(*p.workspace.large_count)}, stream);
  if (!error) error = cuda_fill(p.triangle_ids, 0xff, pixels * int64_t{sizeof(*p.triangle_ids)}, stream);
  if (!error) error = cuda_launch(snap_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
  if (!error) error = draw<T, false>(p, stream);
  if (!error && sizeof(T) == 8) error = draw<T, true>(p, stream);
  if (!error)
    error = cuda_launch(read_out_kernel<T>, cuda_blocks(p.batch * p.height * p.width), kCudaThreads, stream, p);
  return error;
}

template <typename T>
const char* rasterize_backward_cuda(const Rasterize<T>& p, void* stream) {
  T* grads = static_cast<T*>(p.workspace.pixel_grads);
  const ShownTriangles shown{p.triangle_ids,     p.workspace.triangles, p.workspace.gathering, p.batch,
                             p.height * p.width, p.vertex_count,        p.triangle_count};
  const unsigned blocks = cuda_blocks(p.batch * shown.pixels);
  const char* error = cuda_launch(pixel_grads_kernel<T>, blocks, kCudaThreads, stream, p, shown, grads);
  return error ? error : gather_pixels<T>({shown, p.barycentrics, grads, p.grad_vertices, 3}, stream);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(rasterize, Rasterize)
}  // namespace pyface3d
