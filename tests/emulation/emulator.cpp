// Blocks one after the other, the threads of a block as fibers that change at barriers; with a seed, in random order.
#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "cuda_runtime.h"
#include "shadow.h"

namespace emulation {
namespace {
constexpr size_t kStack = 1 << 16, kWarp = 32, kMostBytes = 64;  // of what a lane brings to an exchange

struct Fiber {
  ucontext_t context;
  dim3 thread;
  const char* file;  // of the barrier at which it waits, or null: it can go on
  int line;
  size_t exchanges;  // how many it has begun
  bool done;
};

struct Warp {
  size_t lanes, brought, exchanges;   // its size; who has come to this exchange; how many are complete
  char bytes[2][kWarp * kMostBytes];  // of two exchanges: a slow lane still reads the one before
};

ucontext_t scheduler;
Fiber* running;
const std::function<void()>* body;
std::vector<Fiber> fibers;
std::vector<Warp> warps;
std::unique_ptr<char[]> stacks;  // of all fibers, one after the other

void enter() {
  (*body)();
  running->done = true;
}

void start(const dim3& block, size_t count) {
  if (fibers.size() < count) {
    fibers.resize(count);
    stacks.reset(new char[count * kStack]);
    shadow::ignore(stacks.get(), count * kStack);
  }
  warps.resize((count + kWarp - 1) / kWarp);
  for (size_t w = 0; w < warps.size(); ++w)
    warps[w].lanes = std::min(kWarp, count - w * kWarp), warps[w].brought = warps[w].exchanges = 0;
  for (size_t i = 0; i < count; ++i) {
    Fiber& f = fibers[i];
    f.thread = dim3(i % block.x, i / block.x % block.y, i / (size_t{block.x} * block.y));
    f.done = false, f.file = nullptr, f.exchanges = 0;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = stacks.get() + i * kStack;
    f.context.uc_stack.ss_size = kStack;
    f.context.uc_link = &scheduler;
    makecontext(&f.context, enter, 0);
  }
}

bool can_go_on(const Fiber& f) {
  return !f.done && !f.file && f.exchanges == warps[static_cast<size_t>(&f - fibers.data()) / kWarp].exchanges;
}

// Every thread goes on until its next barrier or its end; lanes that wait for their warp, when it has come.
void round(const std::vector<uint32_t>& order, uint32_t block) {
  for (const uint32_t i : order) fibers[i].file = nullptr;
  for (bool moved = true; moved;) {
    moved = false;
    for (const uint32_t i : order) {
      if (!can_go_on(fibers[i])) continue;
      moved = true;
      running = &fibers[i];
      threadIdx = running->thread;
      shadow::enter(block, i);
      swapcontext(&scheduler, &running->context);
      shadow::leave();
    }
  }
}

// True when all threads of the block are through; notes barriers that not all reach, or that are not the same.
bool finished(size_t count) {
  size_t done = 0;
  for (size_t i = 0; i < count; ++i)
    if (!fibers[i].done && !fibers[i].file) {
      shadow::report("not all lanes of a warp come to an exchange", "warp", static_cast<int>(i / kWarp));
      return true;
    }
  const Fiber* waiting = nullptr;
  for (size_t i = 0; i < count; ++i) {
    done += fibers[i].done;
    if (!fibers[i].done) {
      if (waiting && (waiting->line != fibers[i].line || waiting->file != fibers[i].file))
        shadow::report("threads of one block wait at different barriers", waiting->file, waiting->line);
      waiting = &fibers[i];
    }
  }
  if (done && waiting) shadow::report("not all threads of the block reach a barrier", waiting->file, waiting->line);
  return done == count || done;  // a block that disagrees would hang: it is left
}
}  // namespace

void barrier(const char* file, int line) {
  Fiber* self = running;
  self->file = file, self->line = line;
  swapcontext(&self->context, &scheduler);
}

const char* exchange(const void* mine, size_t bytes) {
  Fiber* self = running;
  const size_t at = static_cast<size_t>(self - fibers.data());
  Warp& warp = warps[at / kWarp];
  char* all = warp.bytes[self->exchanges++ % 2];
  std::memcpy(all + at % kWarp * bytes, mine, bytes);
  if (++warp.brought == warp.lanes)
    warp.brought = 0, ++warp.exchanges;
  else
    swapcontext(&self->context, &scheduler);
  return all;
}

int64_t most_blocks() {
  const char* most = std::getenv("PYFACE3D_EMULATION_BLOCKS");
  return most ? std::strtol(most, nullptr, 10) : 1 << 20;
}

const char* launch(const dim3& grid, const dim3& block, const std::function<void()>& kernel) {
  static std::mutex one_at_a_time;
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  const char* seed = std::getenv("PYFACE3D_EMULATION_SEED");
  const size_t count = size_t{block.x} * block.y * block.z;
  std::vector<uint32_t> blocks(size_t{grid.x} * grid.y * grid.z), threads(count);
  std::iota(blocks.begin(), blocks.end(), 0u);
  std::iota(threads.begin(), threads.end(), 0u);
  std::mt19937 random(seed ? std::strtoul(seed, nullptr, 10) : 0);
  if (seed) std::shuffle(blocks.begin(), blocks.end(), random);
  gridDim = grid, blockDim = block, body = &kernel;
  shadow::begin(seed != nullptr);
  for (const uint32_t at : blocks) {
    blockIdx = dim3(at % grid.x, at / grid.x % grid.y, at / (grid.x * grid.y));
    start(block, count);
    shadow::begin_block();
    do {
      if (seed) std::shuffle(threads.begin(), threads.end(), random);
      round(threads, at);
      shadow::pass_barrier();
    } while (!finished(count));
  }
  return shadow::end();
}
}  // namespace emulation
