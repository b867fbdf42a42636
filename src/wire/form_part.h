// What header fields say about a multipart body and its parts: the boundary, the names of fields
// and files. Pure and total.
//
// Sources: RFC 2046 5.1 (boundary), RFC 7578 (form-data), RFC 5987 (filename*), WHATWG HTML
// "multipart/form-data encoding algorithm": browsers write a quote as %22, CR as %0D, LF as %0A and
// nothing else; older clients write \" and \\ instead. A '%' or '\' that is none of these is
// itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/http_message.h"

namespace sluice::wire {

enum class MultipartKind : std::uint8_t {
  kFormData,  // multipart/form-data: every part has a name
  kRelated,   // multipart/related: parts are told apart by their order
};

struct Multipart {
  MultipartKind kind = MultipartKind::kFormData;
  std::string boundary;  // 1 to 70 characters, without the dashes in front
};

// Reads a request's Content-Type. nullopt: the body is no multipart of these kinds.
// kInvalidArgument: it is one, but without a proper boundary (the detail is fit for strangers).
Result<std::optional<Multipart>> multipart_of(std::string_view content_type);

// The head of one part.
struct FormPart {
  std::string name;                     // form-data: the field's; may be empty. Any bytes
  std::optional<std::string> filename;  // as the client wrote it, path and all; may be empty
  std::string content_type;             // empty: none
  Headers headers;

  // HTML: a part with a file name is a file, everything else a field's value.
  bool is_file() const noexcept { return filename.has_value(); }
};

// `fields`: the part's header fields. kInvalidArgument: malformed; kRejected: the part's bytes are
// encoded (Content-Transfer-Encoding: base64, ...), which nobody sends today (RFC 7578 4.7).
Result<FormPart> form_part(Headers fields, MultipartKind kind);

}  // namespace sluice::wire
