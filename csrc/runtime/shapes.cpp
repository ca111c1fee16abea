#include "kernels/project_weak_perspective.h"
#include "kernels/synthesize_shape.h"
#include "runtime/arrays.h"

namespace pyface3d {
static nb::object synthesize_shape(const Array& mean, const Array& basis, const Array& coeffs,
                                   const std::optional<Array>& pose, const std::optional<Indices>& indices,
                                   int threads) {
  constexpr const char* kOp = "synthesize_shape";
  check_shape(kOp, "mean", mean, {-1, 3}, "(N, 3)");
  check_floating(kOp, "mean", mean);
  check_shape(kOp, "basis", basis, {size_of(mean, 0), 3, -1}, "(N, 3, K)");
  check_like(kOp, "basis", basis, "mean", mean);
  check_shape(kOp, "coeffs", coeffs, {-1, size_of(basis, 2)}, "(B, K)");
  check_like(kOp, "coeffs", coeffs, "mean", mean);
  return by_type(mean, [&](auto zero) {
    using T = decltype(zero);
    SynthesizeShape<T> p{};
    p.mean = pointer<T>(mean), p.basis = pointer<T>(basis), p.coeffs = pointer<T>(coeffs);
    p.batch = size_of(coeffs, 0), p.coeff_count = size_of(coeffs, 1), p.vertex_count = size_of(mean, 0);
    if (pose) {
      check_shape(kOp, "pose", *pose, {p.batch, 3, 4}, "(B, 3, 4)");
      check_like(kOp, "pose", *pose, "mean", mean);
      p.pose = pointer<T>(*pose);
    }
    if (indices) {
      check_shape(kOp, "indices", *indices, {-1}, "(L,)");
      check_range(kOp, "indices", *indices, p.vertex_count);
      p.indices = indices->data(), p.vertex_count = size_of(*indices, 0);
    }
    Output<T> out({p.batch, p.vertex_count, 3});
    p.out = out.values;
    {
      nb::gil_scoped_release release;
      const int64_t scratch_size = PYFACE3D_DISPATCH(synthesize_shape_scratch<T>(p, false));
      parallel_for(synthesize_blocks(p.vertex_count), threads, 4, [&](int64_t begin, int64_t end) {
        const auto scratch = make_scratch<T>(scratch_size);
        PYFACE3D_DISPATCH(synthesize_shape_forward<T>(p, scratch.get(), begin, end));
      });
    }
    return out.array();
  });
}

static nb::object project_weak_perspective(const Array& vertices, const Array& pose, int threads) {
  constexpr const char* kOp = "project_weak_perspective";
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  const int64_t rows = pose.ndim() == 3 && size_of(pose, 1) == 2 ? 2 : 3;
  check_shape(kOp, "pose", pose, {size_of(vertices, 0), rows, 4}, "(B, 3, 4) or (B, 2, 4)");
  check_like(kOp, "pose", pose, "vertices", vertices);
  return by_type(vertices, [&](auto zero) {
    using T = decltype(zero);
    ProjectWeakPerspective<T> p{};
    p.vertices = pointer<T>(vertices), p.pose = pointer<T>(pose);
    p.batch = size_of(vertices, 0), p.vertex_count = size_of(vertices, 1), p.rows = rows;
    Output<T> out({p.batch, p.vertex_count, rows});
    p.out = out.values;
    {
      nb::gil_scoped_release release;
      parallel_for(p.batch * project_chunks(p.vertex_count), threads, 1, [&](int64_t begin, int64_t end) {
        PYFACE3D_DISPATCH(project_weak_perspective_forward<T>(p, begin, end));
      });
    }
    return out.array();
  });
}

void bind_shapes(nb::module_& m) {
  m.def("synthesize_shape", &synthesize_shape, nb::arg("mean"), nb::arg("basis"), nb::arg("coeffs"),
        nb::arg("pose").none(), nb::arg("indices").none(), nb::arg("threads"));
  m.def("project_weak_perspective", &project_weak_perspective, nb::arg("vertices"), nb::arg("pose"),
        nb::arg("threads"));
}
}  // namespace pyface3d
