// A handler that does what a test tells it, and remembers what it saw.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/signal.h"
#include "base/task.h"
#include "http/handler.h"

namespace sluice::http::testing {

class ScriptHandler final : public Handler {
 public:
  // What to do with each request.
  std::uint64_t read_max = 1U << 30;  // bytes of the body to read before answering
  Answer answer = text_answer(200, "done");
  bool wait = false;        // hold the answer until go()
  bool gone_on_cut = true;  // no answer when the body broke off

  // What was seen.
  std::vector<std::shared_ptr<const Request>> requests;
  std::vector<std::string> bodies;
  std::vector<std::optional<Errc>> errors;
  Hints hints;              // given to every body
  Body* body = nullptr;     // of the running request
  int running = 0;

  void go() {
    wait = false;
    gate_.notify_all();
  }

  Task<Answer> handle(std::shared_ptr<const Request> request, Body* source) override {
    const Running guard(this, source);
    const std::size_t index = requests.size();
    requests.push_back(request);
    bodies.emplace_back();
    errors.emplace_back();
    source->hint(hints);
    while (bodies[index].size() < read_max) {
      const ByteCount left(read_max - bodies[index].size());
      auto got = co_await source->read(left);
      if (!got) {
        errors[index] = got.error().code();
        break;
      }
      if (got->empty()) break;
      bodies[index] += got->to_string();
    }
    while (wait) {
      const Signal::Seen seen = gate_.seen();
      co_await gate_.wait(seen);
    }
    Answer out = answer;
    if (errors[index] == Errc::kDisconnected && gone_on_cut) out.gone = true;
    co_return out;
  }

 private:
  struct Running {
    Running(ScriptHandler* h, Body* b) : handler(h) {
      handler->body = b;
      ++handler->running;
    }
    ~Running() {
      handler->body = nullptr;
      --handler->running;
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ScriptHandler* const handler;
  };
  Signal gate_;
};

}  // namespace sluice::http::testing
