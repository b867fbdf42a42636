#include "wire/form_part.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace sluice::wire {

namespace {

constexpr std::size_t kBoundaryMax = 70;  // RFC 2046 5.1.1

bool is_alnum(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// RFC 9110 5.6.2.
bool is_token_char(char c) noexcept {
  return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// RFC 2046 5.1.1: bchars.
bool is_boundary(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kBoundaryMax && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_alnum(c) ||
                  std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
         });
}

void skip_blanks(std::string_view& text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

// Takes a quoted string off the front, as it stands between its quotes; false: it never ends. A
// backslash hides a quote or another backslash; it stays in place.
bool take_quoted(std::string_view& text, std::string_view* out) noexcept {
  text.remove_prefix(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) {
      ++i;
    } else if (text[i] == '"') {
      *out = text.substr(0, i);
      text.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

struct Parameter {
  std::string_view name;
  std::string_view value;  // raw, without its quotes
  bool quoted = false;
};

// The parameters behind "type/subtype" or "form-data". nullopt: malformed.
class Parameters {
 public:
  explicit Parameters(std::string_view text) : text_(text) {}

  // The next one; false: there is none, or it is malformed.
  bool next(Parameter* out) {
    skip_blanks(text_);
    while (!text_.empty() && text_.front() == ';') {
      text_.remove_prefix(1);
      skip_blanks(text_);
    }
    if (text_.empty()) return false;
    malformed_ = true;  // until it turns out well
    const std::size_t equals = text_.find('=');
    if (equals == std::string_view::npos) return false;
    out->name = trim(text_.substr(0, equals));
    if (out->name.empty() || !std::all_of(out->name.begin(), out->name.end(), is_token_char)) {
      return false;
    }
    text_.remove_prefix(equals + 1);
    skip_blanks(text_);
    out->quoted = !text_.empty() && text_.front() == '"';
    if (out->quoted) {
      if (!take_quoted(text_, &out->value)) return false;
      skip_blanks(text_);
      if (!text_.empty() && text_.front() != ';') return false;
    } else {
      const std::size_t end = std::min(text_.find(';'), text_.size());
      out->value = trim(text_.substr(0, end));
      text_.remove_prefix(end);
      if (out->value.find('"') != std::string_view::npos) return false;
    }
    malformed_ = false;
    return true;
  }
  bool malformed() const noexcept { return malformed_; }

 private:
  std::string_view text_;
  bool malformed_ = false;
};

// What a name in a form says, quotes and line breaks restored (see the header).
std::string restored(const Parameter& parameter) {
  std::string out;
  const std::string_view raw = parameter.value;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (parameter.quoted && raw[i] == '\\' && i + 1 < raw.size() &&
        (raw[i + 1] == '"' || raw[i + 1] == '\\')) {
      out += raw[++i];
    } else if (raw.substr(i, 3) == "%22") {
      out += '"';
      i += 2;
    } else if (equals_ignoring_case(raw.substr(i, 3), "%0d")) {
      out += '\r';
      i += 2;
    } else if (equals_ignoring_case(raw.substr(i, 3), "%0a")) {
      out += '\n';
      i += 2;
    } else {
      out += raw[i];
    }
  }
  return out;
}

std::string from_latin1(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto b = static_cast<unsigned char>(c);
    if (b < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0U | (b >> 6U));
      out += static_cast<char>(0x80U | (b & 0x3fU));
    }
  }
  return out;
}

// RFC 5987: charset'language'percent-encoded. nullopt: malformed.
std::optional<std::string> extended_value(std::string_view text) {
  const std::size_t first = text.find('\'');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('\'', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  std::optional<std::string> decoded = percent_decode(text.substr(second + 1));
  if (!decoded) return std::nullopt;
  const std::string_view charset = text.substr(0, first);
  if (equals_ignoring_case(charset, "UTF-8")) {
    if (!is_utf8(*decoded)) return std::nullopt;
    return decoded;
  }
  if (equals_ignoring_case(charset, "ISO-8859-1")) return from_latin1(*decoded);
  return std::nullopt;
}

Result<Ok> read_disposition(std::string_view text, FormPart* part) {
  const std::size_t end = std::min(text.find(';'), text.size());
  if (!equals_ignoring_case(trim(text.substr(0, end)), "form-data")) {
    return fail(Errc::kInvalidArgument, "a part's Content-Disposition is not form-data");
  }
  Parameters parameters(text.substr(end));
  Parameter parameter;
  std::optional<std::string> name;
  std::optional<std::string> filename;
  std::optional<std::string> extended;
  while (parameters.next(&parameter)) {
    std::optional<std::string>* to = nullptr;
    if (equals_ignoring_case(parameter.name, "name")) to = &name;
    if (equals_ignoring_case(parameter.name, "filename")) to = &filename;
    if (equals_ignoring_case(parameter.name, "filename*")) to = &extended;
    if (to == nullptr) continue;
    if (*to) return fail(Errc::kInvalidArgument, "a part says twice what it is called");
    if (to == &extended) {
      *to = extended_value(parameter.value);
      if (!*to) return fail(Errc::kInvalidArgument, "a part's filename* is malformed");
    } else {
      *to = restored(parameter);
    }
  }
  if (parameters.malformed()) {
    return fail(Errc::kInvalidArgument, "a part's Content-Disposition is malformed");
  }
  if (!name) return fail(Errc::kInvalidArgument, "a part of the form has no name");
  part->name = std::move(*name);
  part->filename = extended ? std::move(extended) : std::move(filename);  // RFC 6266 4.3
  return Ok{};
}

}  // namespace

Result<std::optional<Multipart>> multipart_of(std::string_view content_type) {
  const std::size_t end = std::min(content_type.find(';'), content_type.size());
  const std::string_view type = trim(content_type.substr(0, end));
  Multipart out;
  if (equals_ignoring_case(type, "multipart/form-data")) {
    out.kind = MultipartKind::kFormData;
  } else if (equals_ignoring_case(type, "multipart/related")) {
    out.kind = MultipartKind::kRelated;
  } else {
    return std::optional<Multipart>();
  }
  Parameters parameters(content_type.substr(end));
  Parameter parameter;
  while (parameters.next(&parameter)) {
    if (!equals_ignoring_case(parameter.name, "boundary")) continue;
    if (!out.boundary.empty() || !is_boundary(parameter.value)) {
      return fail(Errc::kInvalidArgument, "the boundary in Content-Type is not a proper one");
    }
    out.boundary = parameter.value;
  }
  if (parameters.malformed()) {
    return fail(Errc::kInvalidArgument, "the parameters of Content-Type are malformed");
  }
  if (out.boundary.empty()) {
    return fail(Errc::kInvalidArgument, "Content-Type names no boundary");
  }
  return std::optional(std::move(out));
}

Result<FormPart> form_part(Headers fields, MultipartKind kind) {
  FormPart out;
  if (const std::string* type = fields.find("Content-Type")) out.content_type = *type;
  if (const std::string* encoding = fields.find("Content-Transfer-Encoding")) {
    const std::string_view word = trim(*encoding);
    if (!equals_ignoring_case(word, "binary") && !equals_ignoring_case(word, "8bit") &&
        !equals_ignoring_case(word, "7bit")) {
      return fail(Errc::kRejected, "a part is encoded (Content-Transfer-Encoding)");
    }
  }
  if (kind == MultipartKind::kFormData) {
    if (fields.count("Content-Disposition") != 1) {
      return fail(Errc::kInvalidArgument, "a part has not one Content-Disposition");
    }
    SLUICE_TRY_OK(read_disposition(*fields.find("Content-Disposition"), &out));
  }
  out.headers = std::move(fields);
  return out;
}

}  // namespace sluice::wire
