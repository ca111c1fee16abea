#include "kernels/vertex_normals.h"

#include <algorithm>

#include "torch/incidence.h"
#include "torch/triangles.h"

namespace pyface3d {
static constexpr const char* kOp = "vertex_normals";

static void check(const Tensor& vertices, const Tensor& triangles) {
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  check_triangles(kOp, triangles, "vertices", vertices, vertices.size(1));
}

template <typename T>
static VertexNormals<T> problem(const Tensor& v, const Tensor& t) {
  VertexNormals<T> p{};
  p.vertices = pointer<T>(v), p.triangles = t.const_data_ptr<int64_t>();
  p.batch = v.size(0), p.vertex_count = v.size(1), p.triangle_count = t.size(0);
  return p;
}

template <typename T>
static void run_forward(const VertexNormals<T>& p) {
  parallel_with_scratch<T>(p.batch, 1, p.vertex_count * 4, [&](T* scratch, int64_t begin, int64_t end) {
    PYFACE3D_DISPATCH(vertex_normals_forward<T>(p, begin, end, scratch));
  });
}

template <typename T>
static void run_backward(const VertexNormals<T>& p) {
  parallel_with_scratch<T>(p.batch, 1, p.vertex_count * 8, [&](T* scratch, int64_t begin, int64_t end) {
    PYFACE3D_DISPATCH(vertex_normals_backward<T>(p, begin, end, scratch));
  });
}

static void check_incidence(const Tensor& incidence, const Tensor& vertices, const Tensor& triangles) {
  check_shape(kOp, "incidence", incidence, {vertices.size(1) + 1 + 3 * triangles.size(0)}, "(N + 1 + 3 F,)");
  PYFACE3D_CHECK(
      incidence.scalar_type() == ScalarType::Int && incidence.device() == vertices.device(), kOp,
      ": incidence must be int32 on the device of vertices; make it with pyface3d.morphable.build_incidence");
}

// Memory for the table of the triangles at each vertex, whose making on CUDA takes more than is kept of it. On a CPU it
// is zero: neither shapes nor bits may depend on what memory held.
static Tensor new_incidence(const Tensor& v, const Tensor& t, bool kept) {
  PYFACE3D_CHECK(3 * t.size(0) < kMostItems, kOp, ": triangles must have at most ", kMostItems / 3, " rows");
  if (on_cuda(v)) return incidence_workspace(v, incidence_words(1, v.size(1), 3 * t.size(0)));
  const int64_t words = kept ? v.size(1) + 1 + 3 * t.size(0) : 0;
  Tensor table = torch::stable::new_empty(v, {words}, ScalarType::Int);
  std::fill_n(output<int32_t>(table), words, 0);
  return table;
}

// Also what the backward needs of it: 1 / |s|, (B, N), and the table by which CUDA kernels gather; both empty where no
// gradient is wanted, the table also where it was given.
static std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& vertices, const Tensor& triangles,
                                                  const std::optional<Tensor>& given, bool want_grad) {
  check(vertices, triangles);
  if (given) check_incidence(*given, vertices, triangles);
  const Tensor v = packed(vertices), t = packed(triangles);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    VertexNormals<T> p = problem<T>(v, t);
    Tensor normals = new_tensor(v, {p.batch, p.vertex_count, 3});  // (B, N, 3)
    Tensor inverse_lengths = want_grad ? new_tensor(v, {p.batch, p.vertex_count}) : new_tensor(v, {0});
    const bool kept = want_grad && !given;
    const Tensor incidence = given ? packed(*given) : new_incidence(v, t, kept);
    p.normals = output<T>(normals), p.inverse_lengths = output<T>(inverse_lengths), p.want_inverse_lengths = want_grad;
    p.incidence = const_cast<uint32_t*>(pointer<uint32_t>(incidence)), p.has_incidence = given.has_value();
    PYFACE3D_CUDA_ELSE(vertex_normals_forward_cuda, v, p)
    run_forward<T>(p);
    Tensor made = kept ? incidence : new_tensor(v, {0}, ScalarType::Int);
    if (kept) made = torch::stable::narrow(made, 0, 0, p.vertex_count + 1 + 3 * p.triangle_count);
    return std::make_tuple(normals, inverse_lengths, made);
  });
}

static Tensor backward(const Tensor& grad_normals, const Tensor& normals, const Tensor& inverse_lengths,
                       const Tensor& incidence, const Tensor& vertices, const Tensor& triangles) {
  check(vertices, triangles);
  const int64_t batch = vertices.size(0), rows = vertices.size(1);
  check_grad(kOp, "grad_normals", grad_normals, {batch, rows, 3}, "(B, N, 3)", "vertices", vertices);
  check_grad(kOp, "normals", normals, {batch, rows, 3}, "(B, N, 3)", "vertices", vertices);
  check_grad(kOp, "inverse_lengths", inverse_lengths, {batch, rows}, "(B, N)", "vertices", vertices);
  check_incidence(incidence, vertices, triangles);
  const Tensor v = packed(vertices), t = packed(triangles), g = packed(grad_normals), n = packed(normals),
               i = packed(inverse_lengths), table = packed(incidence);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    VertexNormals<T> p = problem<T>(v, t);
    Tensor grad_vertices = new_tensor(v, {p.batch, p.vertex_count, 3});  // (B, N, 3)
    p.grad_normals = pointer<T>(g), p.saved_normals = pointer<T>(n), p.saved_inverse_lengths = pointer<T>(i);
    Tensor sums = new_tensor(v, {on_cuda(v) ? v.numel() : 0});
    p.grad_vertices = output<T>(grad_vertices), p.grad_sums = output<T>(sums);
    p.incidence = const_cast<uint32_t*>(pointer<uint32_t>(table));
    PYFACE3D_CUDA_ELSE(vertex_normals_backward_cuda, v, p)
    run_backward<T>(p);
    return grad_vertices;
  });
}

PYFACE3D_OP(forward,
            "vertex_normals(Tensor vertices, Tensor triangles, Tensor? incidence, bool want_grad) -> (Tensor normals, "
            "Tensor inverse_lengths, Tensor made)")
PYFACE3D_OP(backward,
            "vertex_normals_backward(Tensor grad_normals, Tensor normals, Tensor inverse_lengths, Tensor incidence, "
            "Tensor vertices, Tensor triangles) -> Tensor")
}  // namespace pyface3d
