#include "kernels/interpolate.h"

#include "torch/incidence.h"
#include "torch/triangles.h"

namespace pyface3d {
static constexpr const char* kOp = "interpolate";
static constexpr int64_t kPixelsPerTask = 8192;

static void check(const Tensor& attributes, const Tensor& triangle_ids, const Tensor& barycentrics,
                  const Tensor& triangles) {
  const bool shared = attributes.dim() == 2;
  PYFACE3D_CHECK(shared || attributes.dim() == 3, kOp, ": attributes must be (B, N, C) or (N, C), got ",
                 shape_of(attributes));
  check_floating(kOp, "attributes", attributes);
  check_shape(kOp, "barycentrics", barycentrics, {-1, -1, -1, 3}, "(B, H, W, 3)");
  check_like(kOp, "barycentrics", barycentrics, "attributes", attributes);
  PYFACE3D_CHECK(shared || attributes.size(0) == barycentrics.size(0), kOp,
                 ": attributes must be (B, N, C) with B = ", barycentrics.size(0), ", got ", shape_of(attributes));
  check_triangles(kOp, triangles, "attributes", attributes, attributes.size(-2));
  check_triangle_ids(kOp, triangle_ids, "barycentrics", barycentrics, triangles.size(0));
  PYFACE3D_CHECK(triangle_ids.size(1) == barycentrics.size(1) && triangle_ids.size(2) == barycentrics.size(2), kOp,
                 ": triangle_ids must be (B, H, W) as barycentrics are, got ", shape_of(triangle_ids), " and ",
                 shape_of(barycentrics));
}

template <typename T>
static Interpolate<T> problem(const Tensor& a, const Tensor& ids, const Tensor& b, const Tensor& t) {
  Interpolate<T> p{};
  p.attributes = pointer<T>(a), p.triangle_ids = ids.const_data_ptr<int32_t>(), p.barycentrics = pointer<T>(b);
  p.triangles = t.const_data_ptr<int64_t>(), p.batch = b.size(0), p.pixels = b.size(1) * b.size(2);
  p.vertex_count = a.size(-2), p.channels = a.size(-1), p.shared = a.dim() == 2, p.triangle_count = t.size(0);
  return p;
}

static Tensor forward(const Tensor& attributes, const Tensor& triangle_ids, const Tensor& barycentrics,
                      const Tensor& triangles) {
  check(attributes, triangle_ids, barycentrics, triangles);
  const Tensor a = packed(attributes), ids = packed(triangle_ids), b = packed(barycentrics), t = packed(triangles);
  return by_type(a, [&](auto zero) {
    using T = decltype(zero);
    Interpolate<T> p = problem<T>(a, ids, b, t);
    Tensor out = new_tensor(a, {p.batch, b.size(1), b.size(2), p.channels});  // (B, H, W, C)
    p.out = output<T>(out);
    PYFACE3D_CUDA_ELSE(interpolate_forward_cuda, a, p)
    torch::stable::parallel_for(0, p.batch * p.pixels, kPixelsPerTask, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(interpolate_forward<T>(p, begin, end));
    });
    return out;
  });
}

template <typename T>
static void run_backward(const Interpolate<T>& p) {
  if (p.want_attributes)
    return parallel_with_scratch<T>(p.batch, 1, p.vertex_count * 4, [&](T* scratch, int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(interpolate_backward<T>(p, begin, end, scratch));
    });
  if (p.want_barycentrics)
    torch::stable::parallel_for(0, p.batch * p.pixels, kPixelsPerTask, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(interpolate_grad_barycentrics<T>(p, begin, end));
    });
}

// Gradients not asked for come back as empty tensors.
static std::tuple<Tensor, Tensor> backward(const Tensor& grad_out, const Tensor& attributes, const Tensor& triangle_ids,
                                           const Tensor& barycentrics, const Tensor& triangles, bool want_attributes,
                                           bool want_barycentrics) {
  check(attributes, triangle_ids, barycentrics, triangles);
  check_grad(kOp, "grad_out", grad_out,
             {barycentrics.size(0), barycentrics.size(1), barycentrics.size(2), attributes.size(-1)}, "(B, H, W, C)",
             "attributes", attributes);
  const Tensor a = packed(attributes), ids = packed(triangle_ids), b = packed(barycentrics), t = packed(triangles),
               g = packed(grad_out);
  return by_type(a, [&](auto zero) {
    using T = decltype(zero);
    Interpolate<T> p = problem<T>(a, ids, b, t);
    Tensor grad_a = want_attributes ? new_tensor(a, {p.batch, p.vertex_count, p.channels}) : new_tensor(a, {0});
    Tensor grad_b = want_barycentrics ? new_tensor(b, {p.batch, b.size(1), b.size(2), 3}) : new_tensor(b, {0});
    Tensor workspace = gathering_workspace(kOp, a, want_attributes ? p.batch : 0, p.vertex_count, p.pixels);
    p.grad_out = pointer<T>(g), p.gathering = output<uint32_t>(workspace);
    p.grad_attributes = output<T>(grad_a), p.want_attributes = want_attributes;
    p.grad_barycentrics = output<T>(grad_b), p.want_barycentrics = want_barycentrics;
    PYFACE3D_CUDA_ELSE(interpolate_backward_cuda, a, p)
    run_backward<T>(p);
    const std::vector<int64_t> over_faces{0};
    return std::make_tuple(want_attributes && p.shared ? torch::stable::sum(grad_a, over_faces) : grad_a, grad_b);
  });
}

PYFACE3D_OP(forward,
            "interpolate(Tensor attributes, Tensor triangle_ids, Tensor barycentrics, Tensor triangles) -> Tensor")
PYFACE3D_OP(backward,
            "interpolate_backward(Tensor grad_out, Tensor attributes, Tensor triangle_ids, Tensor barycentrics, Tensor "
            "triangles, bool want_attributes, bool want_barycentrics) -> (Tensor, Tensor)")
}  // namespace pyface3d
