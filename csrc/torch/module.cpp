// The importable module: empty, its load registers the ops. Also where the op library's name is defined.
#include <Python.h>
#include <torch/csrc/stable/library.h>

#include "kernels/simd.h"

STABLE_TORCH_LIBRARY(pyface3d, m) {
  m.def("simd_level() -> int");
  m.def("cuda_version() -> int");
}

static int64_t simd_level() { return static_cast<int64_t>(pyface3d::simd_level()); }

// The toolkit of the CUDA kernels, 13000 for CUDA 13.0; 0 without them.
static int64_t cuda_version() {
#ifdef PYFACE3D_WITH_CUDA
  return PYFACE3D_WITH_CUDA;
#else
  return 0;
#endif
}

STABLE_TORCH_LIBRARY_IMPL(pyface3d, CompositeExplicitAutograd, m) {
  m.impl("simd_level", TORCH_BOX(&simd_level));
  m.impl("cuda_version", TORCH_BOX(&cuda_version));
}

PyMODINIT_FUNC PyInit__C() {
  static PyModuleDef def = {PyModuleDef_HEAD_INIT, "_C", nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};
  PyObject* module = PyModule_Create(&def);
#ifdef Py_GIL_DISABLED  // the ops hold no state: they run in any number of threads at once
  if (module) PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
  return module;
}
