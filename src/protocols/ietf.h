// ietf: "Resumable Uploads for HTTP" of the IETF, every interop version that shipped clients speak
// (3 to 10) and the final form, whose requests carry no version. Request head in, command or
// problem out; outcome in, response out.
//
//   POST, PUT, PATCH uploads   create, with Upload-Complete (version 3: Upload-Incomplete)
//   HEAD, GET uploads + ID     the offset; a running append is ended first
//   PATCH uploads + ID         append at the offset
//   DELETE uploads + ID        cancel; of a finished upload the record goes, the object stays
//
// Under a prefix with names, POST, PUT and PATCH to a name create an upload of that object. The
// upload has an address of its own under `uploads` nevertheless, which is never used again.
//
// The version is a matter of each request, not of the upload: one may begin and another go on.
//
// Source: IETF digest, rows R-nn, P-nn and D-nn; rulings 3, 4 and 11 of the design. For users:
// docs/protocols/ietf.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/units.h"
#include "protocols/dialect.h"

namespace sluice::protocols {

struct IetfOptions {
  std::string prefix = "/files/";  // begins and ends with '/'
  // Names of objects stand behind `prefix`; otherwise it is `uploads` itself.
  bool names = false;
  std::string uploads = "/files/";  // begins and ends with '/'; uploads' own addresses
  // Largest object accepted, bytes; announced as max-size.
  ByteCount size_max{5ULL << 40};
};

class Ietf final : public Dialect {
 public:
  explicit Ietf(IetfOptions options) : options_(std::move(options)) {}

  // The request, whose path is below the prefix, is one of this protocol (digest section 4). False:
  // its neighbours may have it.
  bool speaks(const wire::RequestHead& request) const;

  std::string_view protocol() const noexcept override { return "ietf"; }
  tl::expected<core::Command, core::Problem> parse(const wire::RequestHead& request,
                                                   const Context& context) const override;
  // nullopt also for a request that was superseded: its connection is closed without an answer
  // (P-11).
  std::optional<Response> render(const core::Outcome& outcome, const wire::RequestHead& request,
                                 const core::Command* command,
                                 const Context& context) const override;
  void mark(const wire::RequestHead& request, wire::Headers* answer) const override;
  // More content than the length ends the upload for good.
  std::optional<core::Command> follow_up(const core::Outcome& outcome,
                                         const wire::RequestHead& request,
                                         const core::Command& command) const override;
  Response options(const wire::RequestHead& request) const override;

  std::optional<wire::ResponseHead> announcement(const wire::RequestHead& request,
                                                 const core::Command& command,
                                                 const Context& context) const override;
  std::optional<wire::ResponseHead> progress(const wire::RequestHead& request,
                                             ByteOffset durable) const override;

 private:
  const IetfOptions options_;
};

}  // namespace sluice::protocols
