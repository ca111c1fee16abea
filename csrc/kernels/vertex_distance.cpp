#include "kernels/vertex_distance.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int F = kDistanceFaces;

template <typename T>
struct Face {  // one face and its target
  const T *coeffs, *pose, *target_coeffs, *target_pose;
};

template <typename T>
Face<T> face_of(const VertexDistance<T>& p, int64_t b) {
  const int64_t K = p.coeff_count, P = p.rows * (p.axes + 1);
  return {p.coeffs + b * K, p.pose + b * P, p.target_coeffs + b * K, p.target_pose + b * P};
}

// D of one face into its R rows of d (F R, padded), and e_r.
template <typename T, int R>
void difference(const VertexDistance<T>& p, const Face<T>& face, T* d, T (&e)[R]) {
  const int64_t columns = p.coeff_count + 1, J = p.axes * columns, padded = padded_columns(J), width = p.axes + 1;
  const T* centre = p.gram + J * (J + 1);
  for (int r = 0; r < R; ++r, d += padded) {
    for (int64_t x = 0; x < p.axes; ++x) {
      const T m = face.pose[r * width + x], turn = m - face.target_pose[r * width + x];
      T* to = d + x * columns;
      to[0] = turn;  // the mean's coefficient is 1
      for (int64_t k = 0; k < p.coeff_count; ++k)
        to[k + 1] = m * (face.coeffs[k] - face.target_coeffs[k]) + turn * face.target_coeffs[k];
    }
    for (int64_t j = J; j < padded; ++j) d[j] = 0;
    e[r] = face.pose[r * width + p.axes] - face.target_pose[r * width + p.axes] + dot<T>(d, centre, J);
  }
}

template <typename T, int R>
void forward_block(const VertexDistance<T>& p, int64_t block, T* scratch) {
  const int64_t J = p.axes * (p.coeff_count + 1), padded = padded_columns(J);
  const T *centre = p.gram + J * (J + 1), total = centre[J];
  T *d = scratch, *turned = d + padded * F * R, *product = turned + padded * F * R, e[F][R];
  const int64_t faces = p.batch - block * F < F ? p.batch - block * F : F;
  for (int64_t i = faces * R * padded; i < F * R * padded; ++i) d[i] = 0;
  for (int64_t f = 0; f < faces; ++f) difference<T, R>(p, face_of<T>(p, block * F + f), d + f * R * padded, e[f]);
  for (int64_t j = 0; j < J; ++j)
    for (int r = 0; r < F * R; ++r) turned[j * F * R + r] = d[r * padded + j];
  multiply_transposed<T, F * R>(turned, F * R, p.columns, J, padded, padded, product);
  for (int64_t f = 0; f < faces; ++f) {
    T distance = 0;
    for (int r = 0; r < R; ++r) {
      const T* row = product + (f * R + r) * padded;
      T* slope = p.slope + ((block * F + f) * R + r) * (J + 1);
      for (int64_t j = 0; j < J; ++j) slope[j] = row[j] + total * e[f][r] * centre[j];
      slope[J] = total * e[f][r];
      distance += dot<T>(row, d + (f * R + r) * padded, padded) + slope[J] * e[f][r];
    }
    p.distance[block * F + f] = distance;
  }
}

template <typename T>
void backward_face(const VertexDistance<T>& p, int64_t b) {
  const int64_t columns = p.coeff_count + 1, J = p.axes * columns, width = p.axes + 1;
  const Face<T> face = face_of<T>(p, b);
  const T g = 2 * p.grad_out[b];
  const bool target = p.want_target;
  T* grad[2] = {p.grad_coeffs + b * p.coeff_count, target ? p.grad_target_coeffs + b * p.coeff_count : nullptr};
  T* grad_pose[2] = {p.grad_pose + b * p.rows * width, target ? p.grad_target_pose + b * p.rows * width : nullptr};
  const T *pose[2] = {face.pose, face.target_pose}, sign[2] = {g, -g};
  for (int side = 0; side < 1 + target; ++side) {
    for (int64_t k = 0; k < p.coeff_count; ++k) grad[side][k] = 0;
    for (int64_t r = 0; r < p.rows; ++r) {
      const T* slope = p.slope + (b * p.rows + r) * (J + 1);
      for (int64_t x = 0; x < p.axes; ++x) {
        const T *row = slope + x * columns, m = pose[side][r * width + x] * sign[side];
        const T* a = side ? face.target_coeffs : face.coeffs;
        for (int64_t k = 0; k < p.coeff_count; ++k) grad[side][k] += row[k + 1] * m;
        grad_pose[side][r * width + x] = sign[side] * (row[0] + dot<T>(row + 1, a, p.coeff_count));
      }
      grad_pose[side][r * width + p.axes] = sign[side] * slope[J];
    }
  }
}
}  // namespace

template <typename T>
void vertex_distance_prepare(const VertexDistance<T>& p) {
  const int64_t J = p.axes * (p.coeff_count + 1);
  pad_columns<T>(p.gram, J, J, J + 1, p.columns);
}

template <typename T>
void vertex_distance_forward(const VertexDistance<T>& p, T* scratch, int64_t begin, int64_t end) {
  for (int64_t block = begin; block < end; ++block)
    p.rows == 3   ? forward_block<T, 3>(p, block, scratch)
    : p.rows == 2 ? forward_block<T, 2>(p, block, scratch)
                  : forward_block<T, 1>(p, block, scratch);
}

template <typename T>
void vertex_distance_backward(const VertexDistance<T>& p, int64_t begin, int64_t end) {
  for (int64_t b = begin; b < end; ++b) backward_face<T>(p, b);
}

#define PYFACE3D_KERNELS(T)                                                                 \
  template void vertex_distance_prepare<T>(const VertexDistance<T>&);                       \
  template void vertex_distance_forward<T>(const VertexDistance<T>&, T*, int64_t, int64_t); \
  template void vertex_distance_backward<T>(const VertexDistance<T>&, int64_t, int64_t);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
