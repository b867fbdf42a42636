// FormHandler: uploads without a name, posted to the address of a collection: HTML forms, each of
// whose files becomes an upload, and raw bodies. What fields mean: protocols/form.h.
//
// The application is asked before anything of the body is read, about the first upload;
// again for every further file, and for a file whose key came in a field. A file is complete when
// its boundary has been seen; a cut line leaves nothing of the file it cut. Files before it are
// stored: their objects exist, and a browser that repeats the form stores them once more.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "engine/body_source.h"
#include "http/answer.h"
#include "http/options.h"
#include "http/permission.h"
#include "http/request.h"
#include "http/uploads.h"
#include "ports/random.h"
#include "wire/form_part.h"
#include "wire/http_message.h"

namespace sluice::http {

class FormHandler {
 public:
  // Borrowed; all outlive the handler.
  struct Services {
    Random* random = nullptr;
    const Permission* permission = nullptr;
    Uploads* uploads = nullptr;
  };

  FormHandler(Services services, const HttpOptions& options);

  // The path is a collection's address, with or without its last slash.
  bool serves(std::string_view path) const noexcept { return !prefix_of(path).empty(); }
  bool takes(const wire::RequestHead& head) const noexcept {
    return head.method == "POST" && serves(head.path);
  }
  // `origin`: "https://host", or empty; for addresses in the answer.
  Task<Answer> handle(std::shared_ptr<const Request> request, std::string origin,
                      engine::BodySource* body) const;

 private:
  struct Form;

  std::string_view prefix_of(std::string_view path) const noexcept;
  Task<Answer> raw(Form* form, engine::BodySource* body) const;
  Task<Answer> parts(Form* form, engine::BodySource* body) const;

  const Services services_;
  const std::vector<std::string> prefixes_;  // of routes whose names stand in the path
  const std::vector<std::string> redirects_;
};

}  // namespace sluice::http
