// The kernels are compiled with -fsanitize=thread, which calls a function at every access of memory. Those functions
// stand here in place of the sanitizer's own, which knows host threads but neither blocks nor barriers.
#include "shadow.h"

#include <link.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>

#include "cuda_runtime.h"

namespace emulation {
namespace shadow {
namespace {
constexpr size_t kPage = 4096;
enum : uint8_t { kWritten = 1, kAtomic = 2, kRead = 4, kManyThreads = 8, kManyBlocks = 16 };

struct Access {
  uint32_t block, thread, epoch;
  bool ordered_before(const Access& later) const {
    return block == later.block && (thread == later.thread || epoch != later.epoch);
  }
};

struct Cell {     // of one byte
  uint32_t life;  // the launch, or the block of shared memory, in which it was touched
  uint8_t state;
  Access write, read;
};

std::unordered_map<uintptr_t, std::unique_ptr<Cell[]>> pages;
uintptr_t last_page = 0, ignored = 0, ignored_end = 0;
Cell* last_cells = nullptr;
uint32_t launch_number = 0, block_number = 0;
Access now{};
uintptr_t memory = 0, memory_end = 0;
uintptr_t shared_first = 0, shared_end = 0;  // what the block touched of shared memory
bool watching = false, inside = false;
std::string fault;

Cell& cell_of(uintptr_t at) {
  const uintptr_t page = at / kPage;
  if (page != last_page || !last_cells) {
    auto& cells = pages[page];
    if (!cells) cells.reset(new Cell[kPage]());
    last_page = page, last_cells = cells.get();
  }
  return last_cells[at % kPage];
}

bool is_shared(uintptr_t at) { return at >= memory && at < memory_end; }

// This thread's copy of the module's thread-local memory, which is the shared memory of all kernels.
int find_shared(dl_phdr_info* info, size_t, void*) {
  bool ours = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) & part = info->dlpi_phdr[i];
    const uintptr_t first = info->dlpi_addr + part.p_vaddr, here = reinterpret_cast<uintptr_t>(&find_shared);
    ours |= part.p_type == PT_LOAD && here >= first && here < first + part.p_memsz;
  }
  for (int i = 0; ours && i < info->dlpi_phnum; ++i)
    if (info->dlpi_phdr[i].p_type == PT_TLS && info->dlpi_tls_data) {
      memory = reinterpret_cast<uintptr_t>(info->dlpi_tls_data);
      memory_end = memory + info->dlpi_phdr[i].p_memsz;
    }
  return ours;
}

void race(const char* what, uintptr_t at, const Access& other) {
  if (!fault.empty()) return;
  char text[256];
  std::snprintf(
      text, sizeof text,
      "race in %s memory: thread %u of block %u %s what thread %u of block %u touched, with no barrier between",
      is_shared(at) ? "shared" : "global", now.thread, now.block, what, other.thread, other.block);
  fault = text;
}

void touch(uintptr_t at, bool write, bool atomic) {
  Cell& c = cell_of(at);
  const uint32_t life = is_shared(at) ? block_number : launch_number;  // each block has shared memory of its own
  if (c.life != life) c.life = life, c.state = 0;
  const bool both_atomic = atomic && (c.state & kAtomic);
  if ((c.state & kWritten) && !both_atomic && !c.write.ordered_before(now))
    race(write ? "writes" : "reads", at, c.write);
  if (write && (c.state & kRead)) {
    const bool many = (c.state & kManyBlocks) || ((c.state & kManyThreads) && c.read.epoch == now.epoch);
    if (many || !c.read.ordered_before(now)) race("writes", at, c.read);
  }
  if (write) {
    c.write = now;
    c.state = static_cast<uint8_t>((c.state & ~kAtomic) | kWritten | (atomic ? kAtomic : 0));
  } else {
    if (c.state & kRead) {
      if (c.read.block != now.block) c.state |= kManyBlocks;
      if (c.read.epoch != now.epoch)
        c.state &= static_cast<uint8_t>(~kManyThreads);
      else if (c.read.thread != now.thread)
        c.state |= kManyThreads;
    }
    c.state |= kRead;
    c.read = now;
  }
}

void note(const void* pointer, size_t bytes, bool write, bool atomic = false) {
  const auto at = reinterpret_cast<uintptr_t>(pointer);
  if (!inside || !watching || (at >= ignored && at < ignored_end)) return;
  if (write && is_shared(at)) {
    if (at < shared_first) shared_first = at;
    if (at + bytes > shared_end) shared_end = at + bytes;
  }
  for (size_t i = 0; i < bytes; ++i) touch(at + i, write, atomic);
}

void poison(uintptr_t first, uintptr_t end) {  // all ones: NaN as a float, -1 as an integer
  if (end > first) std::memset(reinterpret_cast<void*>(first), 0xff, end - first);
  shared_first = UINTPTR_MAX, shared_end = 0;
}
}  // namespace

void begin(bool watch) {
  watching = watch;
  fault.clear();
  ++launch_number;
  if (!watch) return;
  dl_iterate_phdr(find_shared, nullptr);
  poison(memory, memory_end);
}
const char* end() { return fault.empty() ? nullptr : fault.c_str(); }
void begin_block() {
  now.epoch = 0;
  ++block_number;
  if (watching) poison(shared_first, shared_end);
}
void pass_barrier() { ++now.epoch; }
void enter(uint32_t block, uint32_t thread) {
  now.block = block, now.thread = thread;
  inside = true;
}
void leave() { inside = false; }
void ignore(const void* first, size_t bytes) {
  ignored = reinterpret_cast<uintptr_t>(first);
  ignored_end = ignored + bytes;
}
void report(const char* what, const char* file, int line) {
  const char* name = std::strrchr(file, '/');
  if (fault.empty()) fault = std::string(what) + " (" + (name ? name + 1 : file) + ":" + std::to_string(line) + ")";
}
}  // namespace shadow

void note_atomic(void* at, size_t bytes) { shadow::note(at, bytes, true, true); }
}  // namespace emulation

#define PYFACE3D_ACCESS(bytes)                                                               \
  void __tsan_read##bytes(void* at) { emulation::shadow::note(at, bytes, false); }           \
  void __tsan_write##bytes(void* at) { emulation::shadow::note(at, bytes, true); }           \
  void __tsan_unaligned_read##bytes(void* at) { emulation::shadow::note(at, bytes, false); } \
  void __tsan_unaligned_write##bytes(void* at) { emulation::shadow::note(at, bytes, true); } \
  void __tsan_volatile_read##bytes(void* at) { emulation::shadow::note(at, bytes, false); }  \
  void __tsan_volatile_write##bytes(void* at) { emulation::shadow::note(at, bytes, true); }
extern "C" {
PYFACE3D_ACCESS(1)
PYFACE3D_ACCESS(2)
PYFACE3D_ACCESS(4)
PYFACE3D_ACCESS(8)
PYFACE3D_ACCESS(16)
void __tsan_read_range(void* at, size_t bytes) { emulation::shadow::note(at, bytes, false); }
void __tsan_write_range(void* at, size_t bytes) { emulation::shadow::note(at, bytes, true); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
}
