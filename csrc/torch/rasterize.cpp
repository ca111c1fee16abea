#include "kernels/rasterize.h"

#include <memory>

#include "torch/incidence.h"
#include "torch/triangles.h"

namespace pyface3d {
static constexpr const char* kOp = "rasterize";

static void check(const Tensor& vertices, const Tensor& triangles, int64_t height, int64_t width) {
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  check_triangles(kOp, triangles, "vertices", vertices, vertices.size(1));
  PYFACE3D_CHECK(height >= 1 && height <= kRasterizeMaxSize && width >= 1 && width <= kRasterizeMaxSize, kOp,
                 ": height and width must be 1 to ", kRasterizeMaxSize, " pixels, got ", height, " x ", width);
}

template <typename T>
static Rasterize<T> problem(const Tensor& v, const Tensor& corners, int64_t height, int64_t width) {
  Rasterize<T> p{};
  p.vertices = pointer<T>(v), p.corners = corners.const_data_ptr<int32_t>();
  p.batch = v.size(0), p.vertex_count = v.size(1), p.triangle_count = corners.size(1), p.height = height,
  p.width = width;
  return p;
}

static std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& vertices, const Tensor& triangles, int64_t height,
                                                  int64_t width, bool cull_backfaces) {
  check(vertices, triangles, height, width);
  const Tensor v = packed(vertices), corners = corners_of(triangles);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    Rasterize<T> p = problem<T>(v, corners, height, width);
    Tensor triangle_ids = new_tensor(v, {p.batch, height, width}, ScalarType::Int);  // (B, H, W)
    Tensor barycentrics = new_tensor(v, {p.batch, height, width, 3});                // (B, H, W, 3)
    Tensor depth = new_tensor(v, {p.batch, height, width});                          // (B, H, W)
    p.triangle_ids = triangle_ids.mutable_data_ptr<int32_t>(), p.barycentrics = output<T>(barycentrics);
    p.depth = output<T>(depth), p.cull_backfaces = cull_backfaces;
    const int64_t pixels = p.batch * height * width, cuda = on_cuda(v) ? 1 : 0;
    Tensor snapped = new_tensor(v, {cuda * p.batch * p.vertex_count, 2}, ScalarType::Int),
           keys = new_tensor(v, {cuda * pixels}, ScalarType::Long);
    Tensor listed = new_tensor(v, {cuda * p.batch, p.triangle_count}, ScalarType::Int),
           count = new_tensor(v, {cuda * p.batch, 2}, ScalarType::Int);
    p.workspace = {snapped.mutable_data_ptr(),
                   static_cast<unsigned long long*>(keys.mutable_data_ptr()),
                   listed.mutable_data_ptr<int32_t>(),
                   count.mutable_data_ptr<int32_t>(),
                   nullptr,
                   nullptr,
                   nullptr};
    PYFACE3D_CUDA_ELSE(rasterize_forward_cuda, v, p)
    // Items are rows of all faces: each thread gets one run of them and cuts it where a new face begins.
    torch::stable::parallel_for(0, p.batch * height, 16, [&](int64_t begin, int64_t end) {
      const std::unique_ptr<SnappedVertex[]> snapped(new SnappedVertex[p.vertex_count]);
      const std::unique_ptr<uint32_t[]> cells(new uint32_t[p.vertex_count]);
      const RasterizeScratch scratch{snapped.get(), cells.get()};
      while (begin < end) {
        const int64_t face = begin / height, row = begin % height,
                      last = row + end - begin < height ? row + end - begin : height;
        PYFACE3D_DISPATCH(rasterize_rows<T>(p, scratch, face, row, last));
        begin += last - row;
      }
    });
    return std::make_tuple(triangle_ids, barycentrics, depth);
  });
}

static Tensor backward(const Tensor& grad_barycentrics, const Tensor& grad_depth, const Tensor& vertices,
                       const Tensor& triangles, const Tensor& triangle_ids, const Tensor& barycentrics) {
  check_shape(kOp, "triangle_ids", triangle_ids, {-1, -1, -1}, "(B, H, W)");
  const int64_t batch = triangle_ids.size(0), height = triangle_ids.size(1), width = triangle_ids.size(2);
  check(vertices, triangles, height, width);
  check_triangle_ids(kOp, triangle_ids, "vertices", vertices, triangles.size(0));
  check_grad(kOp, "grad_barycentrics", grad_barycentrics, {batch, height, width, 3}, "(B, H, W, 3)", "vertices",
             vertices);
  check_grad(kOp, "grad_depth", grad_depth, {batch, height, width}, "(B, H, W)", "vertices", vertices);
  check_grad(kOp, "barycentrics", barycentrics, {batch, height, width, 3}, "(B, H, W, 3)", "vertices", vertices);
  const Tensor v = packed(vertices), t = packed(triangles), ids = packed(triangle_ids), b = packed(barycentrics);
  const Tensor corners = on_cuda(v) ? new_tensor(t, {3, t.size(0)}, ScalarType::Int) : corners_of(t);
  const Tensor gb = packed(grad_barycentrics), gz = packed(grad_depth);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    Rasterize<T> p = problem<T>(v, corners, height, width);
    Tensor grad_vertices = new_tensor(v, {batch, p.vertex_count, 3});
    p.grad_barycentrics = pointer<T>(gb), p.grad_depth = pointer<T>(gz),
    p.triangle_ids = const_cast<int32_t*>(ids.const_data_ptr<int32_t>());
    p.barycentrics = const_cast<T*>(pointer<T>(b)), p.grad_vertices = output<T>(grad_vertices);
    Tensor grads = new_tensor(v, {on_cuda(v) ? batch : 0, height, width, 3});
    Tensor workspace = gathering_workspace(kOp, v, batch, p.vertex_count, height * width);
    p.workspace.triangles = t.const_data_ptr<int64_t>(), p.workspace.pixel_grads = grads.mutable_data_ptr();
    p.workspace.gathering = output<uint32_t>(workspace);
    PYFACE3D_CUDA_ELSE(rasterize_backward_cuda, v, p)
    torch::stable::parallel_for(
        0, batch, 1, [&](int64_t begin, int64_t end) { PYFACE3D_DISPATCH(rasterize_backward<T>(p, begin, end)); });
    return grad_vertices;
  });
}

PYFACE3D_OP(forward,
            "rasterize(Tensor vertices, Tensor triangles, SymInt height, SymInt width, bool cull_backfaces) -> (Tensor "
            "triangle_ids, Tensor barycentrics, Tensor depth)")
PYFACE3D_OP(backward,
            "rasterize_backward(Tensor grad_barycentrics, Tensor grad_depth, Tensor vertices, Tensor triangles, Tensor "
            "triangle_ids, Tensor barycentrics) -> Tensor")
}  // namespace pyface3d
