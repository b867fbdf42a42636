// Request: what a handler is told about one HTTP request. Immutable; shared by the connection and
// whatever the handler starts.
#pragma once

#include <string>
#include <utility>

#include "wire/http_message.h"

namespace sluice::http {

class Request {
 public:
  Request(wire::RequestHead head, std::string id, std::string peer, bool encrypted)
      : head_(std::move(head)), id_(std::move(id)), peer_(std::move(peer)), encrypted_(encrypted) {}

  const wire::RequestHead& head() const noexcept { return head_; }
  // The client's X-Request-Id or one of ours; 1 to 64 of [A-Za-z0-9._-]. In every answer and log
  // line.
  const std::string& id() const noexcept { return id_; }
  const std::string& peer() const noexcept { return peer_; }  // address of the other end
  bool encrypted() const noexcept { return encrypted_; }

 private:
  wire::RequestHead head_;
  std::string id_;
  std::string peer_;
  bool encrypted_;
};

}  // namespace sluice::http
