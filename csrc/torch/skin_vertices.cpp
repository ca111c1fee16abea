#include "kernels/skin_vertices.h"

#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "skin_vertices";

static void check(const Tensor& vertices, const Tensor& weights, const Tensor& transforms) {
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  check_shape(kOp, "weights", weights, {-1, vertices.size(1)}, "(J, N)");
  check_like(kOp, "weights", weights, "vertices", vertices);
  check_shape(kOp, "transforms", transforms, {vertices.size(0), weights.size(0), 3, 4}, "(B, J, 3, 4)");
  check_like(kOp, "transforms", transforms, "vertices", vertices);
}

template <typename T>
static SkinVertices<T> parameters(const Tensor& vertices, const Tensor& weights, const Tensor& transforms) {
  SkinVertices<T> p{};
  p.batch = vertices.size(0), p.vertex_count = vertices.size(1), p.joint_count = weights.size(0);
  p.vertices = pointer<T>(vertices), p.weights = pointer<T>(weights), p.transforms = pointer<T>(transforms);
  return p;
}

static Tensor forward(const Tensor& vertices, const Tensor& weights, const Tensor& transforms) {
  check(vertices, weights, transforms);
  const Tensor v = packed(vertices), w = packed(weights), m = packed(transforms);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    auto p = parameters<T>(v, w, m);
    Tensor out = new_like(v);
    p.out = output<T>(out);
    PYFACE3D_CUDA_ELSE(skin_vertices_forward_cuda, v, p)
    torch::stable::parallel_for(0, p.batch * skin_chunks(p.vertex_count), 1, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(skin_vertices_forward<T>(p, begin, end));
    });
    return out;
  });
}

template <typename T>
static void run_backward(const SkinVertices<T>& p) {
  const int64_t size = PYFACE3D_DISPATCH(skin_vertices_scratch<T>(p));
  parallel_with_scratch<T>(p.batch * skin_chunks(p.vertex_count), 1, size, [&](T* scratch, int64_t begin, int64_t end) {
    PYFACE3D_DISPATCH(skin_vertices_backward<T>(p, scratch, begin, end));
  });
}

// What is not asked for comes back empty.
static std::tuple<Tensor, Tensor> backward(const Tensor& grad_out, const Tensor& vertices, const Tensor& weights,
                                           const Tensor& transforms, bool want_vertices, bool want_transforms) {
  check(vertices, weights, transforms);
  check_grad(kOp, "grad_out", grad_out, {vertices.size(0), vertices.size(1), 3}, "(B, N, 3)", "vertices", vertices);
  const Tensor g = packed(grad_out), v = packed(vertices), w = packed(weights), m = packed(transforms);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    auto p = parameters<T>(v, w, m);
    const int64_t chunks = skin_chunks(p.vertex_count);
    Tensor grad_v = want_vertices ? new_like(v) : new_tensor(v, {0});
    Tensor parts = want_transforms ? new_tensor(v, {p.batch, chunks, p.joint_count, 3, 4}) : new_tensor(v, {0});
    p.grad_out = pointer<T>(g), p.grad_vertices = output<T>(grad_v), p.grad_transform_parts = output<T>(parts);
    p.want_vertices = want_vertices, p.want_transforms = want_transforms;
    PYFACE3D_CUDA_ELSE(skin_vertices_backward_cuda, v, p)
    run_backward<T>(p);
    const std::vector<int64_t> over_chunks{1};
    return std::make_tuple(grad_v, want_transforms ? torch::stable::sum(parts, over_chunks) : parts);
  });
}

PYFACE3D_OP(forward, "skin_vertices(Tensor vertices, Tensor weights, Tensor transforms) -> Tensor")
PYFACE3D_OP(backward,
            "skin_vertices_backward(Tensor grad_out, Tensor vertices, Tensor weights, Tensor transforms, bool "
            "want_vertices, bool want_transforms) -> (Tensor, Tensor)")
}  // namespace pyface3d
