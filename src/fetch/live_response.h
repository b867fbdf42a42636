// LiveResponse: a response whose body is still on its connection.
#pragma once

#include <memory>
#include <string>

#include "fetch/connection_pool.h"
#include "fetch/http_client.h"
#include "wire/http1.h"

namespace sluice::fetch {

class LiveResponse final : public Response {
 public:
  // `input`: what was received behind the head. `reusable`: the connection may serve another
  // request once this body has been read.
  LiveResponse(wire::ParsedResponse parsed, std::unique_ptr<Connection> connection,
               std::string input, bool reusable);
  ~LiveResponse() override;

  int status() const noexcept override { return status_; }
  const wire::Headers& headers() const noexcept override { return headers_; }
  Task<Result<std::size_t>> read(MutableBuffer into, Deadline deadline) override;

 private:
  class Body;  // held by a pending read
  using BodyPtr = std::shared_ptr<Body>;
  static Task<Result<std::size_t>> read_from(BodyPtr body, MutableBuffer into, Deadline deadline);

  const int status_;
  const wire::Headers headers_;
  const BodyPtr body_;
};

}  // namespace sluice::fetch
