// The importable module: empty, its load registers the ops. Also where the op library's name is defined.
#include <Python.h>
#include <torch/csrc/stable/library.h>

#include "kernels/simd.h"

STABLE_TORCH_LIBRARY(pyface3d, m) { m.def("simd_level() -> int"); }

static int64_t simd_level() { return static_cast<int64_t>(pyface3d::simd_level()); }
STABLE_TORCH_LIBRARY_IMPL(pyface3d, CompositeExplicitAutograd, m) { m.impl("simd_level", TORCH_BOX(&simd_level)); }

extern "C" __attribute__((visibility("default"))) PyObject* PyInit__C() {
  static PyModuleDef def = {PyModuleDef_HEAD_INIT, "_C", nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};
  return PyModule_Create(&def);
}
