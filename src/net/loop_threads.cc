#include "net/loop_threads.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <pthread.h>

#include "base/check.h"

namespace sluice::net {

namespace asio = boost::asio;

struct LoopThreads::Loop {
  asio::io_context context{1};  // one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread;

  void run() noexcept {
    try {
      context.run();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "sluice: exception left an event loop: %s\n", error.what());
      std::abort();
    }
  }
};

LoopThreads::LoopThreads(std::size_t count) {
  SLUICE_CHECK(count > 0);
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>());
}

LoopThreads::~LoopThreads() {
  stop();
  join();
}

Executor LoopThreads::executor(std::size_t i) const {
  return loops_.at(i)->context.get_executor();
}

void LoopThreads::start() {
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    Loop* loop = loops_[i].get();
    SLUICE_CHECK(!loop->thread.joinable());
    loop->thread = std::thread([loop] { loop->run(); });
    const std::string name = "loop-" + std::to_string(i);
    static_cast<void>(::pthread_setname_np(loop->thread.native_handle(), name.c_str()));
  }
}

void LoopThreads::post(std::size_t i, std::function<void()> function) {
  asio::post(loops_.at(i)->context, std::move(function));
}

void LoopThreads::stop() noexcept {
  for (const auto& loop : loops_) loop->context.stop();
}

void LoopThreads::join() {
  for (const auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

}  // namespace sluice::net
