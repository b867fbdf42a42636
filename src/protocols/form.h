// Uploads without a name: HTML forms and raw bodies posted to the collection's address. What fields
// mean, and the answers. Pure and total.
//
//   POST /upload   multipart/form-data: every file of the form becomes an upload of its own, one
//                  after another, in the form's order
//                  anything else: the body becomes one upload
//
// Names. An upload gets a fresh name that nobody can guess, which is also the object's key unless a
// field says otherwise: browsers repeat forms by themselves, and two forms must never write to one
// object by accident. Fields that count:
//
//   key          the object key of the next file, or of every file behind the field if it contains
//                "${filename}", which stands for the file's own name (without a path). The same
//                words as in Amazon S3's form posts, so that those forms need no change
//   redirect_to  where the browser goes afterwards (303), if the configuration allows that address;
//                anywhere in the form
//
// All other fields are the application's and are not looked at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/command.h"
#include "core/problem.h"
#include "protocols/response.h"

namespace sluice::protocols::form {

// The object key for a file. `pattern`: the key field. `filename`: as the client wrote it; what
// stands behind its last slash or backslash counts. Errors: kBadName.
tl::expected<std::string, core::Problem> object_key(std::string_view pattern,
                                                    std::string_view filename);
// The pattern is good for more than one file.
bool is_pattern(std::string_view key) noexcept;

// Allowed are addresses that begin with one of the list; an entry has a slash behind its host, so
// that no other host begins the same. Nothing but printable ASCII without blanks and backslashes.
bool may_redirect(std::string_view to, const std::vector<std::string>& allowed) noexcept;

struct Stored {
  std::string field;     // the form's; empty for a raw body
  std::string filename;  // as the client wrote it
  std::string key;       // the object's, if it is not the upload's name
  std::string location;  // the upload's address
  core::UploadResult result;
};

// 201: what was stored. A raw body: its one object, with Location.
Response stored_form(const std::vector<Stored>& uploads);
Response stored_body(const Stored& upload);
// 303.
Response redirect(std::string_view to);
// The problem, and what had been stored before it (member "stored").
Response failed(const core::Problem& problem, const std::vector<Stored>& uploads,
                std::string_view request_id);

}  // namespace sluice::protocols::form
