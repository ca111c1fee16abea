#include "kernels/project_weak_perspective.h"

#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "project_weak_perspective";

static void check(const Tensor& vertices, const Tensor& pose) {
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  PYFACE3D_CHECK(pose.dim() == 3 && pose.size(0) == vertices.size(0) && (pose.size(1) == 3 || pose.size(1) == 2) &&
                     pose.size(2) == 4,
                 kOp, ": pose must be (B, 3, 4) or (B, 2, 4) with B = ", vertices.size(0), ", got ", shape_of(pose));
  check_like(kOp, "pose", pose, "vertices", vertices);
}

template <typename T>
static void run_forward(const ProjectWeakPerspective<T>& p) {
  torch::stable::parallel_for(0, p.batch * project_chunks(p.vertex_count), 1, [&](int64_t begin, int64_t end) {
    PYFACE3D_DISPATCH(project_weak_perspective_forward<T>(p, begin, end));
  });
}

template <typename T>
static void run_backward(const ProjectWeakPerspective<T>& p) {
  torch::stable::parallel_for(0, p.batch * project_chunks(p.vertex_count), 1, [&](int64_t begin, int64_t end) {
    PYFACE3D_DISPATCH(project_weak_perspective_backward<T>(p, begin, end));
  });
}

static Tensor forward(const Tensor& vertices, const Tensor& pose) {
  check(vertices, pose);
  const Tensor v = packed(vertices), m = packed(pose);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    ProjectWeakPerspective<T> p{};
    p.batch = v.size(0), p.vertex_count = v.size(1), p.rows = m.size(1);
    Tensor out = new_tensor(v, {p.batch, p.vertex_count, p.rows});  // (B, N, R)
    p.vertices = pointer<T>(v), p.pose = pointer<T>(m), p.out = output<T>(out);
    PYFACE3D_CUDA_ELSE(project_weak_perspective_forward_cuda, v, p)
    run_forward<T>(p);
    return out;
  });
}

// Gradients not asked for come back as empty tensors: the schema has no optional returns that trace well.
static std::tuple<Tensor, Tensor> backward(const Tensor& grad_out, const Tensor& vertices, const Tensor& pose,
                                           bool want_vertices, bool want_pose) {
  check(vertices, pose);
  check_grad(kOp, "grad_out", grad_out, {vertices.size(0), vertices.size(1), pose.size(1)}, "(B, N, R)", "vertices",
             vertices);
  const Tensor g = packed(grad_out), v = packed(vertices), m = packed(pose);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    ProjectWeakPerspective<T> p{};
    p.batch = v.size(0), p.vertex_count = v.size(1), p.rows = m.size(1);
    const int64_t chunks = project_chunks(p.vertex_count);
    Tensor grad_v = want_vertices ? new_tensor(v, {p.batch, p.vertex_count, 3}) : new_tensor(v, {0});
    Tensor parts = want_pose ? new_tensor(v, {p.batch, chunks, p.rows, 4}) : new_tensor(v, {0});
    p.vertices = pointer<T>(v), p.pose = pointer<T>(m), p.grad_out = pointer<T>(g);
    p.grad_vertices = output<T>(grad_v), p.want_vertices = want_vertices;
    p.grad_pose_parts = output<T>(parts), p.want_pose = want_pose;
    PYFACE3D_CUDA_ELSE(project_weak_perspective_backward_cuda, v, p)
    run_backward<T>(p);
    const std::vector<int64_t> over_chunks{1};
    return std::make_tuple(grad_v, want_pose ? torch::stable::sum(parts, over_chunks) : parts);
  });
}

PYFACE3D_OP(forward, "project_weak_perspective(Tensor vertices, Tensor pose) -> Tensor")
PYFACE3D_OP(backward,
            "project_weak_perspective_backward(Tensor grad_out, Tensor vertices, Tensor pose, bool want_vertices, bool "
            "want_pose) -> (Tensor, Tensor)")
}  // namespace pyface3d
