// Two launches a layer, each with one thread per number: the rows into a workspace, then their products in the order of
// the sum. Plain, because cuDNN's convolutions serve large batches on a GPU.
#include "kernels/cuda.cuh"
#include "kernels/mobilenet.h"

namespace pyface3d {
namespace {
// Number r of the row of output pixel `pixel`, of a window of the stem or a filtered pixel.
template <typename T>
__device__ __forceinline__ T window_value(const MobileLayer<T>& p, const T* picture, int64_t pixel, int64_t r) {
  const bool stem = p.kind == MobileKind::stem;
  const int64_t top = pixel / p.out_width() * p.stride - 1, left = pixel % p.out_width() * p.stride - 1;
  const int64_t c = stem ? r % 3 : r;
  T sum = stem ? T(0) : p.taps_bias[c];
  for (int k = 0; k < 9; ++k) {
    const int64_t y = top + k / 3, x = left + k % 3;
    if (y < 0 || y >= p.height || x < 0 || x >= p.width || (stem && k != r / 3)) continue;
    const T value = picture[(y * p.width + x) * p.channels + c];
    sum += stem ? value : p.taps[k * p.channels + c] * value;
  }
  return !stem && sum < 0 ? T(0) : sum;
}

template <typename T>
__device__ __forceinline__ T sum_of_places(const MobileLayer<T>& p, const T* map, int64_t r) {
  const int64_t places = p.height * p.width, C = p.channels;
  T sum = 0;
  for (int64_t i = 0; i < places; ++i)
    sum += p.sum_count ? map[i * C + r % C] * p.sums[i * p.sum_count * C + r] : map[i * C + r];
  return p.sum_count ? sum : sum / static_cast<T>(places);
}

template <typename T>
__global__ void rows_kernel(MobileLayer<T> p) {
  const int64_t depth = p.depth();
  for (int64_t at = cuda_first(); at < p.batch * p.pixels() * depth; at += cuda_stride()) {
    const int64_t r = at % depth, pixel = at / depth % p.pixels();
    const T* picture = p.input + at / depth / p.pixels() * p.height * p.width * p.channels;
    p.rows[at] = p.kind == MobileKind::head ? sum_of_places<T>(p, picture, r) : window_value<T>(p, picture, pixel, r);
  }
}

template <typename T>
__global__ void products_kernel(MobileLayer<T> p) {
  const int64_t depth = p.depth(), D = p.out_channels;
  for (int64_t at = cuda_first(); at < p.batch * p.pixels() * D; at += cuda_stride()) {
    const int64_t d = at % D, first = d / kMobilePanel * kMobilePanel;
    const int64_t wide = D - first < kMobilePanel ? D - first : kMobilePanel;
    const T *row = p.rows + at / D * depth, *column = p.panels + first * depth + d - first;
    T sum = p.bias[d];
    for (int64_t r = 0; r < depth; ++r) sum += column[r * wide] * row[r];
    p.out[at] = sum < 0 && p.kind != MobileKind::head ? T(0) : sum;
  }
}
}  // namespace

template <typename T>
const char* mobilenet_cuda(const MobileLayer<T>& p, void* stream) {
  const int64_t pixels = p.batch * p.pixels();
  const char* error = cuda_launch(rows_kernel<T>, cuda_blocks(pixels * p.depth()), kCudaThreads, stream, p);
  return error ? error : cuda_launch(products_kernel<T>, cuda_blocks(pixels * p.out_channels), kCudaThreads, stream, p);
}

#define PYFACE3D_KERNELS(T) template const char* mobilenet_cuda<T>(const MobileLayer<T>&, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
