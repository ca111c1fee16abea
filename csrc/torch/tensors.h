// What every binding needs of torch: names, checks that read as sentences, allocation, the current CUDA stream.
#pragma once
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "scratch.h"
#include "sentences.h"
#include "torch/promotion.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#ifdef PYFACE3D_WITH_CUDA  // weak: a CPU-only torch does not have it, and must still load this binary
extern "C" __attribute__((weak)) AOTITorchError aoti_torch_get_current_cuda_stream(int32_t, void**);
#endif

namespace pyface3d {
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// PYFACE3D_CHECK(condition, parts of a sentence...): a RuntimeError that says just this (STD_TORCH_CHECK puts the path
// of the build in front).
template <typename... Parts>
[[noreturn]] __attribute__((noinline, cold)) void refuse(const Parts&... parts) {
  std::ostringstream sentence;
  (sentence << ... << parts);
  throw std::runtime_error(sentence.str());
}
#define PYFACE3D_CHECK(CONDITION, ...) \
  if (__builtin_expect(!(CONDITION), 0)) pyface3d::refuse(__VA_ARGS__)

inline Shape sizes_of(const Tensor& x) {
  Shape sizes;
  for (int64_t i = 0; i < x.dim(); ++i) sizes.push_back(x.size(i));
  return sizes;
}

inline bool same_shape(const Tensor& x, const Tensor& y) {
  bool same = x.dim() == y.dim();
  for (int64_t i = 0; same && i < x.dim(); ++i) same = x.size(i) == y.size(i);
  return same;
}

inline std::string shape_of(const Tensor& x) { return shape_text(sizes_of(x)); }  // "(2, 3)"

// Checks x against `sizes` (-1: any size); `wanted` is the shape as the documentation writes it, e.g. "(B, N, 3)".
inline void check_shape(const char* op, const char* name, const Tensor& x, std::initializer_list<int64_t> sizes,
                        const char* wanted) {
  const Shape got = sizes_of(x);
  PYFACE3D_CHECK(shape_fits(got, sizes), shape_sentence(op, name, got, sizes, wanted));
}

inline void check_floating(const char* op, const char* name, const Tensor& x) {
  PYFACE3D_CHECK(x.scalar_type() == ScalarType::Float || x.scalar_type() == ScalarType::Double, op, ": ", name,
                 " must be float32 or float64; convert it with .float()");
}

// Checks that x has the dtype and device of `first`, the argument that sets them.
inline void check_like(const char* op, const char* name, const Tensor& x, const char* first_name, const Tensor& first) {
  PYFACE3D_CHECK(x.scalar_type() == first.scalar_type(), op, ": ", name, " must have the dtype of ", first_name,
                 "; convert one of them with .to()");
  PYFACE3D_CHECK(x.device() == first.device(), op, ": ", name, " must be on the device of ", first_name,
                 "; move one of them with .to()");
}

// Checks a gradient, or what a forward pass saved for its backward: `sizes` as in check_shape, dtype and device of
// `first`.
inline void check_grad(const char* op, const char* name, const Tensor& x, std::initializer_list<int64_t> sizes,
                       const char* wanted, const char* first_name, const Tensor& first) {
  check_shape(op, name, x, sizes, wanted);
  check_floating(op, name, x);
  check_like(op, name, x, first_name, first);
}

inline void check_index(const char* op, const char* name, const Tensor& x, const char* first_name,
                        const Tensor& first) {
  PYFACE3D_CHECK(x.scalar_type() == ScalarType::Long, op, ": ", name, " must be int64; convert it with .long()");
  PYFACE3D_CHECK(x.device() == first.device(), op, ": ", name, " must be on the device of ", first_name,
                 "; move one of them with .to()");
}

// Checks every index before any row is read.
inline void check_range(const char* op, const Tensor& indices, int64_t vertex_count) {
  if (!indices.is_cpu()) return;  // reading indices back would stop the stream; the caller vouches for them
  const auto* index = static_cast<const int64_t*>(indices.const_data_ptr());
  for (int64_t i = 0; i < indices.size(0); ++i)
    PYFACE3D_CHECK(index[i] >= 0 && index[i] < vertex_count, range_sentence(op, "indices", vertex_count, index[i], i));
}

inline bool is_float32(const Tensor& x) { return x.scalar_type() == ScalarType::Float; }

// Most of a large fresh CPU output's cost is page faults: ask for huge pages before the first write.
inline void prefer_huge_pages(const Tensor& x, int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr std::uintptr_t kHuge = std::uintptr_t{1} << 21;
  const auto begin = (reinterpret_cast<std::uintptr_t>(x.data_ptr()) + 4095) & ~std::uintptr_t{4095};
  const auto end = reinterpret_cast<std::uintptr_t>(x.data_ptr()) + static_cast<std::uintptr_t>(bytes);
  if (end > begin + 2 * kHuge) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

// A new tensor with the dtype and device of `like`; large CPU ones on huge pages.
inline Tensor new_tensor(const Tensor& like, const std::vector<int64_t>& sizes,
                         std::optional<ScalarType> dtype = std::nullopt) {
  Tensor x = torch::stable::new_empty(like, sizes, dtype);
  if (x.is_cpu()) prefer_huge_pages(x, x.numel() * static_cast<int64_t>(x.element_size()));
  return x;
}

// A new contiguous tensor of x's shape (torch::stable::empty_like looks its op up by name at every call).
inline Tensor new_like(const Tensor& x) { return new_tensor(x, sizes_of(x)); }

// The input as contiguous memory: the same tensor where it already is, without a call through the dispatcher.
inline Tensor packed(const Tensor& x) { return x.is_contiguous() ? x : torch::stable::contiguous(x); }
inline std::optional<Tensor> packed(const std::optional<Tensor>& x) {
  return x ? std::optional<Tensor>(packed(*x)) : std::nullopt;
}

// The elements of an input, of one that may be absent (then null), and of an output.
template <typename T>
const T* pointer(const Tensor& x) {
  return static_cast<const T*>(x.const_data_ptr());
}
template <typename T>
const T* pointer(const std::optional<Tensor>& x) {
  return x ? pointer<T>(*x) : nullptr;
}
template <typename T>
T* output(const Tensor& x) {
  return static_cast<T*>(x.mutable_data_ptr());
}

// Calls run(zero), zero of the element type of x: float or double.
template <typename Run>
auto by_type(const Tensor& x, Run run) {
  return is_float32(x) ? run(float{}) : run(double{});
}

// Runs kernel(scratch, begin, end) over [0, items) on torch's threads, `grain` items or more at a time; each call has
// `size` elements of scratch memory.
template <typename T, typename Kernel>
void parallel_with_scratch(int64_t items, int64_t grain, int64_t size, Kernel kernel) {
  torch::stable::parallel_for(0, items, grain, [&](int64_t begin, int64_t end) {
    const auto scratch = make_scratch<T>(size);
    kernel(scratch.get(), begin, end);
  });
}

inline std::string name_of_schema(const char* schema) {
  const std::string whole = schema;
  return whole.substr(0, whole.find('('));
}

// Every implementation serves both devices and asks here which loops to run. Three builds: without CUDA; with it; and,
// for tests on machines without a GPU, with the CUDA kernels emulated on CPU tensors (tests/emulation).
#if defined(PYFACE3D_EMULATE_CUDA)
inline bool on_cuda(const Tensor&) { return true; }

template <typename Launch>
inline void launch_cuda(const char* op, const Tensor&, Launch launch) {
  const char* error = launch(nullptr);
  PYFACE3D_CHECK(!error, op, ": ", error);
}
#elif defined(PYFACE3D_WITH_CUDA)
inline bool on_cuda(const Tensor& x) { return x.is_cuda(); }

// Calls launch(stream) with the current stream of x's device, that device being current.
template <typename Launch>
inline void launch_cuda(const char* op, const Tensor& x, Launch launch) {
  const torch::stable::accelerator::DeviceGuard guard(x.get_device_index());
  void* stream = nullptr;
  PYFACE3D_CHECK(aoti_torch_get_current_cuda_stream, op, ": this torch has tensors on a GPU but no CUDA streams");
  STABLE_TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(x.get_device_index(), &stream));
  const char* error = launch(stream);
  PYFACE3D_CHECK(!error, op, ": ", error);
}
#else
constexpr bool on_cuda(const Tensor&) { return false; }
#endif
}  // namespace pyface3d

// PYFACE3D_CUDA_ELSE(launcher, x, p) <CPU loops>;  calls launcher<T>(p, stream), T the type at hand, where x is on a
// GPU, else the loops. PYFACE3D_CUDA_CALL_ELSE(x, call): the same with any call that uses `stream`.
#if defined(PYFACE3D_WITH_CUDA) || defined(PYFACE3D_EMULATE_CUDA)
#define PYFACE3D_CUDA_CALL_ELSE(X, ...)                             \
  if (on_cuda(X))                                                   \
    launch_cuda(kOp, X, [&](void* stream) { return __VA_ARGS__; }); \
  else
#else
#define PYFACE3D_CUDA_CALL_ELSE(X, ...)
#endif
#define PYFACE3D_CUDA_ELSE(LAUNCHER, X, ...) PYFACE3D_CUDA_CALL_ELSE(X, LAUNCHER<T>(__VA_ARGS__, stream))

// PYFACE3D_OP(function, schema) defines an op and registers its implementation for every device of this build; the
// name is the schema's. PYFACE3D_OP_OF_ONE_TYPE: the same without promotion.
#if defined(PYFACE3D_WITH_CUDA) && !defined(PYFACE3D_EMULATE_CUDA)
#define PYFACE3D_REGISTER(BOXED, SCHEMA)                                                                   \
  STABLE_TORCH_LIBRARY_FRAGMENT(pyface3d, m) { m.def(SCHEMA); }                                            \
  STABLE_TORCH_LIBRARY_IMPL(pyface3d, CPU, m) { m.impl(pyface3d::name_of_schema(SCHEMA).c_str(), BOXED); } \
  STABLE_TORCH_LIBRARY_IMPL(pyface3d, CUDA, m) { m.impl(pyface3d::name_of_schema(SCHEMA).c_str(), BOXED); }
#else
#define PYFACE3D_REGISTER(BOXED, SCHEMA)                        \
  STABLE_TORCH_LIBRARY_FRAGMENT(pyface3d, m) { m.def(SCHEMA); } \
  STABLE_TORCH_LIBRARY_IMPL(pyface3d, CPU, m) { m.impl(pyface3d::name_of_schema(SCHEMA).c_str(), BOXED); }
#endif
#define PYFACE3D_OP(FUNCTION, SCHEMA) PYFACE3D_REGISTER(PYFACE3D_PROMOTED(FUNCTION), SCHEMA)
#define PYFACE3D_OP_OF_ONE_TYPE(FUNCTION, SCHEMA) PYFACE3D_REGISTER(TORCH_BOX(&FUNCTION), SCHEMA)
