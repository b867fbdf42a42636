// GoogleHandler: Google's JSON upload API. The dialect's words are protocols/google.h's; here is
// what needs the body before the command: descriptions (JSON, at most 64 KiB) say what the object
// is called, so they are read before the application is asked. No byte of an object is.
//
// The application is asked when a session begins and for uploads in one request; a session's
// address is the permission for the rest (google-308 C14).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "base/units.h"
#include "core/command.h"
#include "engine/body_source.h"
#include "http/answer.h"
#include "http/options.h"
#include "http/permission.h"
#include "http/request.h"
#include "http/uploads.h"
#include "ports/random.h"
#include "protocols/google.h"
#include "wire/http_message.h"

namespace sluice::http {

class GoogleHandler {
 public:
  // Borrowed; all outlive the handler.
  struct Services {
    Random* random = nullptr;
    const Permission* permission = nullptr;
    Uploads* uploads = nullptr;
  };

  // `size_max`: the largest object accepted, bytes.
  GoogleHandler(Services services, const HttpOptions& options, ByteCount size_max);

  bool takes(const wire::RequestHead& head) const {
    return head.method != "OPTIONS" && protocols::google::speaks(head, options_);
  }
  // `origin`: "https://host", or empty; for the session's address.
  Task<Answer> handle(std::shared_ptr<const Request> request, std::string origin,
                      engine::BodySource* body) const;

 private:
  struct Call;

  Task<Answer> start(Call* call, engine::BodySource* body) const;
  Task<Answer> media(Call* call, engine::BodySource* body) const;
  Task<Answer> multipart(Call* call, engine::BodySource* body) const;
  Task<Answer> whole(Call* call, engine::BodySource* body, std::optional<ByteCount> length) const;
  Task<Answer> session(Call* call, engine::BodySource* body) const;

  const Services services_;
  const protocols::GoogleOptions options_;
};

}  // namespace sluice::http
