// Google's JSON upload API (google-308 digest 2.3): commands and answers. The addresses are
// google_target.h's, the object is google_object.h's, and what a session carries is put308's:
// Content-Range, 308, X-GUploader-No-308. Pure, total.
//
// A session is an upload whose name nobody can guess; its address is the permission (C14): the
// application is asked when it begins. The upload's name lies where no dialect's names can be, so
// that an address never reaches another upload.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/command.h"
#include "core/problem.h"
#include "protocols/google_object.h"
#include "protocols/google_target.h"
#include "protocols/response.h"
#include "wire/http_message.h"

namespace sluice::protocols::google {

// The address' upload_id: the upload's fresh name, and the subject it belongs to.
struct Session {
  std::string fresh;
  std::string subject;  // from the application; may be empty
};
std::string session_id(const Session& session);
// nullopt: not one of ours.
std::optional<Session> session_of(std::string_view id);
// The name of the upload.
std::string upload_name_of(std::string_view fresh);

// uploadType=resumable: begins the session. R-09: X-Upload-Content-Length; R-11: kTooLarge.
tl::expected<core::Command, core::Problem> start(const GoogleObject& object,
                                                 const wire::RequestHead& request,
                                                 std::string_view fresh,
                                                 const GoogleOptions& options);

// uploadType=media and multipart: all in one request. `length`: of the object, where it is known.
tl::expected<core::Command, core::Problem> whole(const GoogleObject& object,
                                                 std::optional<ByteCount> length,
                                                 std::string_view fresh,
                                                 const GoogleOptions& options);

// Data, query or cancel. A body without Content-Range has no `begin`: what it means
// depends on what is stored already.
tl::expected<core::Command, core::Problem> of_session(const Session& session,
                                                      const wire::RequestHead& request,
                                                      const GoogleOptions& options);

// The answer to start(): 200 with the session's address, absolute if `origin` is known.
Response started(const GoogleTarget& target, std::string_view id, std::string_view origin);

// Every other answer. `object`: nullptr if it is not known. nullopt: there is nobody to answer.
std::optional<Response> render(const core::Outcome& outcome, const wire::RequestHead& request,
                               const GoogleObject* object,
                               const std::optional<wire::Checksum>& crc32c,
                               std::string_view request_id);

}  // namespace sluice::protocols::google
