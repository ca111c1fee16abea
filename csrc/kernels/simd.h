// One source, several instruction sets: each kernel's .cpp is compiled once per set with PYFACE3D_ISA naming the
// namespace, and the caller picks at run time. Loops use Vec<T>, a native-width vector of the set being compiled.
#pragma once
#include <cstdint>

namespace pyface3d {
enum class Simd : int { base = 0, avx2 = 1, avx512 = 2 };

// The best set this CPU has; PYFACE3D_SIMD=base|avx2|avx512 lowers it (read once).
Simd simd_level();
}  // namespace pyface3d

#if defined(__x86_64__) || defined(_M_X64)
#define PYFACE3D_EACH_ISA(...)   \
  namespace base { __VA_ARGS__ } \
  namespace avx2 { __VA_ARGS__ } \
  namespace avx512 { __VA_ARGS__ }
#define PYFACE3D_DISPATCH(...)                                            \
  (pyface3d::simd_level() == pyface3d::Simd::avx512 ? avx512::__VA_ARGS__ \
   : pyface3d::simd_level() == pyface3d::Simd::avx2 ? avx2::__VA_ARGS__   \
                                                    : base::__VA_ARGS__)
#else
#define PYFACE3D_EACH_ISA(...) namespace base { __VA_ARGS__ }
#define PYFACE3D_DISPATCH(...) base::__VA_ARGS__
#endif

#ifdef PYFACE3D_ISA
#if defined(PYFACE3D_ISA_avx512)
#define PYFACE3D_VECTOR_BYTES 64
#elif defined(PYFACE3D_ISA_avx2)
#define PYFACE3D_VECTOR_BYTES 32
#else
#define PYFACE3D_VECTOR_BYTES 16
#endif

namespace pyface3d {
namespace PYFACE3D_ISA {
typedef float VecF __attribute__((vector_size(PYFACE3D_VECTOR_BYTES)));
typedef double VecD __attribute__((vector_size(PYFACE3D_VECTOR_BYTES)));
template <typename T> struct VecOf;
template <> struct VecOf<float> { using type = VecF; };
template <> struct VecOf<double> { using type = VecD; };
template <typename T> using Vec = typename VecOf<T>::type;
template <typename T> constexpr int kLanes = PYFACE3D_VECTOR_BYTES / static_cast<int>(sizeof(T));

template <typename T>
inline Vec<T> load(const T* from) {  // unaligned
  Vec<T> v;
  __builtin_memcpy(&v, from, sizeof(v));
  return v;
}

template <typename T>
inline void store(T* to, Vec<T> v) {  // unaligned
  __builtin_memcpy(to, &v, sizeof(v));
}

template <typename T>
inline T lane_sum(Vec<T> v) {  // fixed order
  T sum = 0;
  for (int i = 0; i < kLanes<T>; ++i) sum += v[i];
  return sum;
}
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
#endif
