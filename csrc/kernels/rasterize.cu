// Four launches: snap the vertices; draw small triangles, one thread each, and list the others; draw those, a warp to a
// middling triangle, 64 to a large one, each on its part of the box; read the winners out. A pixel's winner is found by
// atomicMax of a key (depth, then the smaller id). A float32 key packs 32 bits of depth with 32 of id; float64 needs
// all 64 for depth, so it takes a second pass for the id. The order of atomics cannot show: the largest key wins
// whoever comes first.
#include "kernels/cuda.cuh"
#include "kernels/rasterize.h"

namespace pyface3d {
namespace {
constexpr int64_t kSmallPixels = 64;     // of a triangle's box; a thread draws it
constexpr int64_t kMiddlePixels = 4096;  // a warp draws it
constexpr int64_t kParts = 64;           // of a large triangle's box: a warp each
constexpr int64_t kWarp = 32, kBlockWarps = kCudaThreads / kWarp;

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

  __device__ int64_t pixels() const { return static_cast<int64_t>(x1 - x0) * (y1 - y0); }
  __device__ bool owns(int32_t x, int32_t y) const {  // a pixel of the box
    return inside(a, b, x, y) && inside(b, c, x, y) && inside(c, a, x, y);
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
__device__ __forceinline__ void bid(const Rasterize<T>& p, int64_t face, int32_t x, int32_t y, int64_t id,
                                    const TrianglePlane<T>& plane) {
  const int64_t pixel = (face * p.height + y) * p.width + x;
  const T z = plane.depth(plane.at(static_cast<T>(x), static_cast<T>(y)));
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

// Draws every kWarp-th of the pixels [first, last) of a triangle's box, counted along its rows.
template <typename T, bool kFindId>
__device__ __forceinline__ void draw_box(const Rasterize<T>& p, int64_t face, int64_t id, const Triangle& triangle,
                                         int64_t first, int64_t last) {
  const TrianglePlane<T> plane = plane_of<T>(p, face, id);
  const uint32_t width = static_cast<uint32_t>(triangle.x1 - triangle.x0);
  for (auto i = static_cast<uint32_t>(first); i < last; i += kWarp) {
    const int32_t x = triangle.x0 + static_cast<int32_t>(i % width), y = triangle.y0 + static_cast<int32_t>(i / width);
    if (triangle.owns(x, y)) bid<T, kFindId>(p, face, x, y, id, plane);
  }
}

// Small triangles; the others are listed, middling ones from the front and large ones from the back.
template <typename T, bool kFindId>
__global__ void small_kernel(Rasterize<T> p) {
  for (int64_t i = cuda_first(); i < p.batch * p.triangle_count; i += cuda_stride()) {
    const int64_t face = i / p.triangle_count, id = i % p.triangle_count;
    const Triangle triangle(p, face, id);
    if (!triangle.drawn) continue;
    if (triangle.pixels() <= kSmallPixels) {
      const TrianglePlane<T> plane = plane_of<T>(p, face, id);
      for (int32_t y = triangle.y0; y < triangle.y1; ++y)
        for (int32_t x = triangle.x0; x < triangle.x1; ++x)
          if (triangle.owns(x, y)) bid<T, kFindId>(p, face, x, y, id, plane);
    } else if (!kFindId) {
      const bool large = triangle.pixels() > kMiddlePixels;
      const int32_t before = atomicAdd(p.workspace.listed_count + 2 * face + large, 1);
      p.workspace.listed[face * p.triangle_count + (large ? p.triangle_count - 1 - before : before)] =
          static_cast<int32_t>(id);
    }
  }
}

template <typename T, bool kFindId>
__global__ void listed_kernel(Rasterize<T> p, int64_t face_blocks) {
  for (int64_t block = blockIdx.x; block < p.batch * face_blocks; block += gridDim.x) {
    const int64_t face = block / face_blocks, warp = block % face_blocks * kBlockWarps + threadIdx.x / kWarp;
    const int32_t *listed = p.workspace.listed + face * p.triangle_count, *count = p.workspace.listed_count + 2 * face;
    const int64_t middling = count[0], lane = threadIdx.x % kWarp;
    for (int64_t i = warp; i < middling + kParts * count[1]; i += face_blocks * kBlockWarps) {
      const int64_t part = i - middling;  // of a large triangle
      const int64_t id = part < 0 ? listed[i] : listed[p.triangle_count - 1 - part / kParts];
      const Triangle triangle(p, face, id);
      const int64_t share = (triangle.pixels() + kParts - 1) / kParts, first = part < 0 ? 0 : part % kParts * share;
      const int64_t end = part < 0 || first + share > triangle.pixels() ? triangle.pixels() : first + share;
      draw_box<T, kFindId>(p, face, id, triangle, first + lane, end);
    }
  }
}

template <typename T>
__device__ __forceinline__ int32_t winner(const Rasterize<T>& p, int64_t pixel) {
  const unsigned long long key = p.workspace.keys[pixel];
  if (key == 0) return -1;
  return sizeof(T) == 4 ? static_cast<int32_t>(0xffffffffu - static_cast<unsigned>(key)) : p.triangle_ids[pixel];
}

// One thread per four pixels, which it stores 16 bytes at a time.
template <typename T>
__global__ void read_out_kernel(Rasterize<T> p) {
  const int64_t pixels = p.height * p.width, count = p.batch * pixels;
  for (int64_t first = 4 * cuda_first(); first < count; first += 4 * cuda_stride()) {
    int32_t ids[4];
    T depths[4], barycentrics[12];
    PYFACE3D_UNROLL
    for (int k = 0; k < 4; ++k) {
      const int64_t i = first + k;
      ids[k] = i < count ? winner(p, i) : -1;
      Barycentric<T> b{0, 0, 0};
      depths[k] = 0;
      if (ids[k] >= 0) {
        const TrianglePlane<T> plane = plane_of<T>(p, i / pixels, ids[k]);
        b = plane.at(static_cast<T>(i % p.width), static_cast<T>(i % pixels / p.width));
        depths[k] = plane.depth(b);
      }
      barycentrics[3 * k] = b.b0, barycentrics[3 * k + 1] = b.b1, barycentrics[3 * k + 2] = b.b2;
    }
    store_packed(p.triangle_ids, first, count, ids);
    store_packed(p.depth, first, count, depths);
    store_packed(p.barycentrics, 3 * first, 3 * count, barycentrics);
  }
}

template <typename T, bool kFindId>
const char* draw(const Rasterize<T>& p, void* stream) {
  const char* error =
      cuda_launch(small_kernel<T, kFindId>, cuda_blocks(p.batch * p.triangle_count), kCudaThreads, stream, p);
  const int64_t even = 1024 / (p.batch > 0 ? p.batch : 1), face_blocks = even < 4 ? 4 : even > 64 ? 64 : even;
  if (error) return error;
  const unsigned blocks = cuda_blocks(p.batch * face_blocks, 1);
  return cuda_launch(listed_kernel<T, kFindId>, blocks, kCudaThreads, stream, p, face_blocks);
}
}  // namespace

template <typename T>
const char* rasterize_forward_cuda(const Rasterize<T>& p, void* stream) {
  const int64_t pixels = p.batch * p.height * p.width;
  const char* error = cuda_fill(p.workspace.keys, 0, pixels * int64_t{sizeof(*p.workspace.keys)}, stream);
  if (!error) error = cuda_fill(p.workspace.listed_count, 0, 2 * p.batch * int64_t{sizeof(int32_t)}, stream);
  if (!error) error = cuda_fill(p.triangle_ids, 0xff, pixels * int64_t{sizeof(*p.triangle_ids)}, stream);
  if (!error) error = cuda_launch(snap_kernel<T>, cuda_blocks(p.batch * p.vertex_count), kCudaThreads, stream, p);
  if (!error) error = draw<T, false>(p, stream);
  if constexpr (sizeof(T) == 8)
    if (!error) error = draw<T, true>(p, stream);
  if (!error) error = cuda_launch(read_out_kernel<T>, cuda_blocks((pixels + 3) / 4), kCudaThreads, stream, p);
  return error;
}

#define PYFACE3D_KERNELS(T) template const char* rasterize_forward_cuda<T>(const Rasterize<T>&, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
