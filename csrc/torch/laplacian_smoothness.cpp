#include "kernels/laplacian_smoothness.h"

#include "kernels/triangles.h"
#include "torch/weights.h"

namespace pyface3d {
static constexpr const char* kOp = "laplacian_smoothness";

// The mesh's table, with the weights that may be absent.
struct Table {
  Tensor offsets, neighbors;
  std::optional<Tensor> weights, vertex_weights;
};

static void check_numbers(const char* name, const Tensor& x, const Tensor& vertices) {
  PYFACE3D_CHECK(x.scalar_type() == ScalarType::Int, kOp, ": ", name, " must be int32; convert it with .int()");
  PYFACE3D_CHECK(x.device() == vertices.device(), kOp, ": ", name,
                 " must be on the device of vertices; move one of them with .to()");
}

static void check_rows(const Tensor& offsets, const Tensor& neighbors, int64_t vertex_count) {
  if (!offsets.is_cpu()) return;  // reading them back would stop the stream
  const Tensor o = packed(offsets), j = packed(neighbors);
  const int32_t *row = o.const_data_ptr<int32_t>(), *neighbor = j.const_data_ptr<int32_t>();
  bool rising = row[0] == 0 && row[vertex_count] == j.numel();
  for (int64_t n = 0; n < vertex_count; ++n) rising &= row[n] <= row[n + 1];
  PYFACE3D_CHECK(rising, kOp, ": offsets must rise from 0 to E = ", j.numel(),
                 "; make the table with pyface3d.morphable.build_laplacian");
  const int64_t at = first_outside<int32_t>(neighbor, j.numel(), 0, static_cast<int32_t>(vertex_count));
  PYFACE3D_CHECK(at < 0, range_sentence(kOp, "neighbors", vertex_count, neighbor[at < 0 ? 0 : at], at));
}

static void check(const Tensor& vertices, const Table& t) {
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  const int64_t N = vertices.size(1);
  PYFACE3D_CHECK(N <= INT32_MAX, kOp, ": at most 2147483647 vertices");
  check_shape(kOp, "offsets", t.offsets, {N + 1}, "(N + 1,)");
  check_shape(kOp, "neighbors", t.neighbors, {-1}, "(E,)");
  check_numbers("offsets", t.offsets, vertices);
  check_numbers("neighbors", t.neighbors, vertices);
  if (t.weights) {
    check_shape(kOp, "weights", *t.weights, {t.neighbors.size(0)}, "(E,)");
    check_like(kOp, "weights", *t.weights, "vertices", vertices);
  }
  if (t.vertex_weights) {
    check_shape(kOp, "vertex_weights", *t.vertex_weights, {N}, "(N,)");
    check_like(kOp, "vertex_weights", *t.vertex_weights, "vertices", vertices);
  }
  check_rows(t.offsets, t.neighbors, N);
}

static Table packed(const Table& t) {
  return {packed(t.offsets), packed(t.neighbors), packed(t.weights), packed(t.vertex_weights)};
}

template <typename T>
static LaplacianSmoothness<T> problem(const Tensor& v, const Table& t) {
  LaplacianSmoothness<T> p{};
  p.vertices = pointer<T>(v), p.offsets = pointer<int32_t>(t.offsets), p.neighbors = pointer<int32_t>(t.neighbors);
  p.weights = pointer<T>(t.weights), p.vertex_weights = pointer<T>(t.vertex_weights);
  p.batch = v.size(0), p.vertex_count = v.size(1), p.entry_count = t.neighbors.size(0);
  return p;
}

// The CPU loops, which share the batch out as `distance` and the numbering of the mesh advise.
template <typename T, typename Loops>
static void run(LaplacianSmoothness<T>& p, int distance, Loops loops) {
  PYFACE3D_DISPATCH(laplacian_smoothness_plan<T>(p, distance));
  parallel_with_scratch<T>(PYFACE3D_DISPATCH(laplacian_smoothness_items<T>(p)), 1,
                           PYFACE3D_DISPATCH(laplacian_smoothness_scratch<T>(p)),
                           [&](T* scratch, int64_t begin, int64_t end) { loops(begin, end, scratch); });
}

template <typename T>
static void run_forward(LaplacianSmoothness<T>& p) {
  run(p, 1, [&](int64_t begin, int64_t end, T* scratch) {
    PYFACE3D_DISPATCH(laplacian_smoothness_parts<T>(p, begin, end, scratch));
  });
  PYFACE3D_DISPATCH(laplacian_smoothness_finish<T>(p));
}

template <typename T>
static void run_backward(LaplacianSmoothness<T>& p) {
  run(p, 2, [&](int64_t begin, int64_t end, T* scratch) {
    PYFACE3D_DISPATCH(laplacian_smoothness_backward<T>(p, begin, end, scratch));
  });
}

static Tensor forward(const Tensor& vertices, const Tensor& offsets, const Tensor& neighbors,
                      const std::optional<Tensor>& weights, const std::optional<Tensor>& vertex_weights) {
  check(vertices, {offsets, neighbors, weights, vertex_weights});
  const Tensor v = packed(vertices);
  const Table t = packed({offsets, neighbors, weights, vertex_weights});
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    LaplacianSmoothness<T> p = problem<T>(v, t);
    Tensor loss = new_tensor(v, {p.batch});
    Tensor parts = new_tensor(v, {p.batch, laplacian_chunks(p.vertex_count)}, ScalarType::Double);
    p.loss = output<T>(loss), p.parts = output<double>(parts);
    PYFACE3D_CUDA_ELSE(laplacian_smoothness_forward_cuda, v, p)
    run_forward<T>(p);
    return loss;
  });
}

static Tensor backward(const Tensor& grad_loss, const Tensor& vertices, const Tensor& offsets, const Tensor& neighbors,
                       const std::optional<Tensor>& weights, const std::optional<Tensor>& vertex_weights) {
  check(vertices, {offsets, neighbors, weights, vertex_weights});
  check_grad(kOp, "grad_loss", grad_loss, {vertices.size(0)}, "(B,)", "vertices", vertices);
  const Tensor v = packed(vertices), g = packed(grad_loss);
  const Table t = packed({offsets, neighbors, weights, vertex_weights});
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    LaplacianSmoothness<T> p = problem<T>(v, t);
    Tensor grad_vertices = new_like(v);
    p.grad_loss = pointer<T>(g), p.grad_vertices = output<T>(grad_vertices);
    PYFACE3D_CUDA_ELSE(laplacian_smoothness_backward_cuda, v, p)
    run_backward<T>(p);
    return grad_vertices;
  });
}

PYFACE3D_OP(forward,
            "laplacian_smoothness(Tensor vertices, Tensor offsets, Tensor neighbors, Tensor? weights, Tensor? "
            "vertex_weights) -> Tensor")
PYFACE3D_OP(backward,
            "laplacian_smoothness_backward(Tensor grad_loss, Tensor vertices, Tensor offsets, Tensor neighbors, "
            "Tensor? weights, Tensor? vertex_weights) -> Tensor")
}  // namespace pyface3d
