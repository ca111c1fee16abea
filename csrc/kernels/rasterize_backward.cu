// Two steps: what each pixel's vertices get, but for the factors b_j; then that is gathered (pixel_gather.cuh).
#include "kernels/pixel_gather.cuh"
#include "kernels/rasterize.h"

namespace pyface3d {
namespace {
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
}  // namespace

template <typename T>
const char* rasterize_backward_cuda(const Rasterize<T>& p, void* stream) {
  T* grads = static_cast<T*>(p.workspace.pixel_grads);
  const ShownTriangles shown{p.triangle_ids,     p.workspace.triangles, p.workspace.gathering, p.batch,
                             p.height * p.width, p.vertex_count,        p.triangle_count};
  const unsigned blocks = cuda_blocks(p.batch * shown.pixels);
  const char* error = cuda_launch(pixel_grads_kernel<T>, blocks, kCudaThreads, stream, p, shown, grads);
  return error ? error : gather_pixels<T>({shown, p.barycentrics, grads, p.grad_vertices, 3}, stream);
}

#define PYFACE3D_KERNELS(T) template const char* rasterize_backward_cuda<T>(const Rasterize<T>&, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
