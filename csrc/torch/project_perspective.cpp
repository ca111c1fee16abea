#include "kernels/project_perspective.h"

#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "project_perspective";

static void check(const Tensor& vertices, const Tensor& pose, const Tensor& intrinsics) {
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  check_shape(kOp, "pose", pose, {vertices.size(0), 3, 4}, "(B, 3, 4)");
  check_like(kOp, "pose", pose, "vertices", vertices);
  check_shape(kOp, "intrinsics", intrinsics, {vertices.size(0), 3, 3}, "(B, 3, 3)");
  check_like(kOp, "intrinsics", intrinsics, "vertices", vertices);
}

template <typename T>
static ProjectPerspective<T> parameters(const Tensor& vertices, const Tensor& pose, const Tensor& intrinsics) {
  ProjectPerspective<T> p{};
  p.batch = vertices.size(0), p.vertex_count = vertices.size(1);
  p.vertices = pointer<T>(vertices), p.pose = pointer<T>(pose), p.intrinsics = pointer<T>(intrinsics);
  return p;
}

static Tensor forward(const Tensor& vertices, const Tensor& pose, const Tensor& intrinsics) {
  check(vertices, pose, intrinsics);
  const Tensor v = packed(vertices), m = packed(pose), k = packed(intrinsics);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    auto p = parameters<T>(v, m, k);
    Tensor out = new_like(v);
    p.out = output<T>(out);
    PYFACE3D_CUDA_ELSE(project_perspective_forward_cuda, v, p)
    torch::stable::parallel_for(0, p.batch * perspective_chunks(p.vertex_count), 1, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(project_perspective_forward<T>(p, begin, end));
    });
    return out;
  });
}

// The gradient of K [R | t] stands for those of pose and intrinsics; what is not asked for comes back empty.
static std::tuple<Tensor, Tensor> backward(const Tensor& grad_out, const Tensor& vertices, const Tensor& pose,
                                           const Tensor& intrinsics, bool want_vertices, bool want_camera) {
  check(vertices, pose, intrinsics);
  check_grad(kOp, "grad_out", grad_out, {vertices.size(0), vertices.size(1), 3}, "(B, N, 3)", "vertices", vertices);
  const Tensor g = packed(grad_out), v = packed(vertices), m = packed(pose), k = packed(intrinsics);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    auto p = parameters<T>(v, m, k);
    const int64_t chunks = perspective_chunks(p.vertex_count);
    Tensor grad_v = want_vertices ? new_like(v) : new_tensor(v, {0});
    Tensor parts = want_camera ? new_tensor(v, {p.batch, chunks, 3, 4}) : new_tensor(v, {0});
    p.grad_out = pointer<T>(g), p.grad_vertices = output<T>(grad_v), p.grad_camera_parts = output<T>(parts);
    p.want_vertices = want_vertices, p.want_camera = want_camera;
    PYFACE3D_CUDA_ELSE(project_perspective_backward_cuda, v, p)
    torch::stable::parallel_for(0, p.batch * chunks, 1, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(project_perspective_backward<T>(p, begin, end));
    });
    const std::vector<int64_t> over_chunks{1};
    return std::make_tuple(grad_v, want_camera ? torch::stable::sum(parts, over_chunks) : parts);
  });
}

PYFACE3D_OP(forward, "project_perspective(Tensor vertices, Tensor pose, Tensor intrinsics) -> Tensor")
PYFACE3D_OP(backward,
            "project_perspective_backward(Tensor grad_out, Tensor vertices, Tensor pose, Tensor intrinsics, bool "
            "want_vertices, bool want_camera) -> (Tensor, Tensor)")
}  // namespace pyface3d
