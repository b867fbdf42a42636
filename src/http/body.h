// Body: a request's body as a handler gets it: the engine's source of bytes, and the way back to
// the client while they come.
#pragma once

#include <functional>
#include <string>

#include "base/units.h"
#include "engine/body_source.h"

namespace sluice::http {

// Interim answers (104) to one request: whole heads, as they go over the wire. Hints (ruling 11):
// nothing depends on their arrival, and nothing is ever waited for because of one.
struct Hints {
  Hints() = default;  // not an aggregate (g++ 12)
  std::string announcement;  // before the first byte is waited for; empty: none
  std::function<std::string(ByteOffset)> progress;  // so much is durable; empty: none
};

class Body : public engine::BodySource {
 public:
  // At most once, before the first read(). Executor: the connection's.
  virtual void hint(Hints hints) = 0;
};

}  // namespace sluice::http
