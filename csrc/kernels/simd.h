// One source, several instruction sets: each kernel's .cpp is compiled once per set with PYFACE3D_ISA naming the
// namespace, and the caller picks at run time. Loops use Vec<T>, a native-width vector of the set being compiled.
#pragma once
#include <cstdint>
#include <utility>

#include "kernels/inline.h"

namespace pyface3d {
enum class Simd : int { base = 0, avx2 = 1, avx512 = 2 };

// The best set this CPU has; PYFACE3D_SIMD=base|avx2|avx512 lowers it (read once).
Simd simd_level();
}  // namespace pyface3d

#if defined(__x86_64__) || defined(_M_X64)
#define PYFACE3D_EACH_ISA(...) \
  namespace base {             \
  __VA_ARGS__                  \
  }                            \
  namespace avx2 {             \
  __VA_ARGS__                  \
  }                            \
  namespace avx512 {           \
  __VA_ARGS__                  \
  }
#define PYFACE3D_DISPATCH(...)                                            \
  (pyface3d::simd_level() == pyface3d::Simd::avx512 ? avx512::__VA_ARGS__ \
   : pyface3d::simd_level() == pyface3d::Simd::avx2 ? avx2::__VA_ARGS__   \
                                                    : base::__VA_ARGS__)
#else
#define PYFACE3D_EACH_ISA(...) \
  namespace base {             \
  __VA_ARGS__                  \
  }
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
template <typename T>
struct VecOf;
template <>
struct VecOf<float> {
  using type = VecF;
};
template <>
struct VecOf<double> {
  using type = VecD;
};
template <typename T>
using Vec = typename VecOf<T>::type;
template <typename T>
constexpr int kLanes = PYFACE3D_VECTOR_BYTES / static_cast<int>(sizeof(T));

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

// Lane i of out takes element Pick::at(i) of the 2 L elements [a, b]. By reference: V may be wider than a register.
template <typename Pick, typename V, int... I>
inline void shuffle_lanes(const V& a, const V& b, V& out, std::integer_sequence<int, I...>) {
#if defined(__clang__)
  out = __builtin_shufflevector(a, b, Pick::at(I)...);
#else
  out = __builtin_shuffle(a, b, decltype(a < b){Pick::at(I)...});
#endif
}

template <typename T, typename Pick>
inline Vec<T> shuffle(Vec<T> a, Vec<T> b) {
  Vec<T> out;
  shuffle_lanes<Pick>(a, b, out, std::make_integer_sequence<int, kLanes<T>>{});
  return out;
}

// [x0..][y0..][z0..] -> x0 y0 z0 x1 y1 z1 ...: first x with y, then z into the places left.
template <int L, int J>
struct PickXY {
  static constexpr int at(int i) { return (J * L + i) % 3 == 1 ? L + (J * L + i) / 3 : (J * L + i) / 3; }
};
template <int L, int J>
struct PickZ {
  static constexpr int at(int i) { return (J * L + i) % 3 == 2 ? L + (J * L + i) / 3 : i; }
};
template <typename T>
inline void store_xyz(T* to, const Vec<T> (&v)[3]) {  // 3 L consecutive values
  constexpr int L = kLanes<T>;
  store<T>(to, shuffle<T, PickZ<L, 0>>(shuffle<T, PickXY<L, 0>>(v[0], v[1]), v[2]));
  store<T>(to + L, shuffle<T, PickZ<L, 1>>(shuffle<T, PickXY<L, 1>>(v[0], v[1]), v[2]));
  store<T>(to + 2 * L, shuffle<T, PickZ<L, 2>>(shuffle<T, PickXY<L, 2>>(v[0], v[1]), v[2]));
}

// The inverse: coordinate D of L consecutive vertices.
template <int L, int D>
struct PickFirst {
  static constexpr int at(int i) { return 3 * i + D < 2 * L ? 3 * i + D : 0; }
};
template <int L, int D>
struct PickSecond {
  static constexpr int at(int i) { return 3 * i + D < 2 * L ? i : 3 * i + D - L; }
};
template <typename T>
inline void load_xyz(const T* from, Vec<T> (&v)[3]) {  // 3 L consecutive values
  constexpr int L = kLanes<T>;
  const Vec<T> a = load<T>(from), b = load<T>(from + L), c = load<T>(from + 2 * L);
  v[0] = shuffle<T, PickSecond<L, 0>>(shuffle<T, PickFirst<L, 0>>(a, b), c);
  v[1] = shuffle<T, PickSecond<L, 1>>(shuffle<T, PickFirst<L, 1>>(a, b), c);
  v[2] = shuffle<T, PickSecond<L, 2>>(shuffle<T, PickFirst<L, 2>>(a, b), c);
}

// In-register transpose of an L x L block: exchanges off-diagonal blocks of size H = 1, 2, 4, ...
template <int L, int H>
struct PickLow {
  static constexpr int at(int i) { return i & H ? L + i - H : i; }
};
template <int L, int H>
struct PickHigh {
  static constexpr int at(int i) { return i & H ? L + i : i + H; }
};
template <int H = 1, typename V, int L>
inline void transpose(V (&rows)[L]) {
  if constexpr (H < L) {
    for (int i = 0; i < L; ++i)
      if (!(i & H)) {
        const V a = rows[i], b = rows[i + H];
        shuffle_lanes<PickLow<L, H>>(a, b, rows[i], std::make_integer_sequence<int, L>{});
        shuffle_lanes<PickHigh<L, H>>(a, b, rows[i + H], std::make_integer_sequence<int, L>{});
      }
    transpose<2 * H>(rows);
  }
}

// rows[0] becomes the sums of the rows' lanes, row i's in lane i: the transpose, with halves added on the way.
template <int H = 1, typename V, int L>
inline void sum_rows(V (&rows)[L]) {
  if constexpr (H < L) {
    for (int i = 0; i < L; i += 2 * H) {
      V low, high;
      shuffle_lanes<PickLow<L, H>>(rows[i], rows[i + H], low, std::make_integer_sequence<int, L>{});
      shuffle_lanes<PickHigh<L, H>>(rows[i], rows[i + H], high, std::make_integer_sequence<int, L>{});
      rows[i] = low + high;
    }
    sum_rows<2 * H>(rows);
  }
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
