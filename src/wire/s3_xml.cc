#include "wire/s3_xml.h"

#include <algorithm>

#include <pugixml.hpp>

#include "base/text.h"
#include "wire/s3_request.h"
#include "wire/s3_time.h"

namespace sluice::wire {

namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

std::string_view without_leading_space(std::string_view text) noexcept {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

// Without its prefix: "s3:Error" is "Error".
std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node child(const pugi::xml_node& parent, std::string_view name) {
  for (const pugi::xml_node& node : parent.children()) {
    if (local_name(node) == name) return node;
  }
  return {};
}

std::string text_of(const pugi::xml_node& parent, std::string_view name) {
  return child(parent, name).child_value();
}

// Keeps the tree alive beside its root.
class Document {
 public:
  // False: not well-formed, or too large.
  bool load(std::string_view body) {
    if (body.size() > kS3XmlBytesMax) return false;
    body = without_leading_space(body);
    // No trimming: a key may begin or end with a blank.
    constexpr unsigned kFlags =
        pugi::parse_escapes | pugi::parse_cdata | pugi::parse_eol | pugi::parse_ws_pcdata_single;
    return tree_.load_buffer(body.data(), body.size(), kFlags, pugi::encoding_utf8) &&
           tree_.document_element();
  }
  pugi::xml_node root() const { return tree_.document_element(); }

 private:
  pugi::xml_document tree_;
};

Result<pugi::xml_node> load(Document& document, std::string_view body, std::string_view root) {
  if (!document.load(body)) return fail(Errc::kInvalidArgument, "the store's answer is not XML");
  if (local_name(document.root()) != root) {
    return fail(Errc::kInvalidArgument, "the store's answer is not a " + std::string(root));
  }
  return document.root();
}

bool is_true(std::string_view text) noexcept {
  return equals_ignoring_case(trim(text), "true");
}

// A listing asked for with encoding-type=url encodes keys and markers as forms do: '+' is a blank.
std::optional<std::string> decode_key(const std::string& text, bool encoded) {
  if (!encoded) return text;
  std::string plain = text;
  std::replace(plain.begin(), plain.end(), '+', ' ');
  return percent_decode(plain);
}

bool is_encoded(const pugi::xml_node& root) {
  return equals_ignoring_case(trim(text_of(root, "EncodingType")), "url");
}

std::optional<Checksum> checksum_of(const pugi::xml_node& root, ChecksumKind kind) {
  if (equals_ignoring_case(text_of(root, "ChecksumType"), "COMPOSITE")) return std::nullopt;
  const std::string text = text_of(root, "Checksum" + s3_checksum_name(kind));
  if (text.empty()) return std::nullopt;
  return Checksum::from_base64(kind, text);
}

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

tl::unexpected<Error> bad(std::string_view what) {
  return fail(Errc::kInvalidArgument, "the store's answer has a bad " + std::string(what));
}

}  // namespace

std::optional<S3Error> parse_s3_error(std::string_view body) {
  Document document;
  if (!document.load(body)) return std::nullopt;
  pugi::xml_node error = document.root();
  std::string outer_id;
  if (local_name(error) == "ErrorResponse") {
    outer_id = text_of(error, "RequestId");
    error = child(error, "Error");
  }
  if (local_name(error) != "Error") return std::nullopt;
  S3Error result;
  result.code = text_of(error, "Code");
  result.message = text_of(error, "Message");
  result.region = text_of(error, "Region");
  result.request_id = text_of(error, "RequestId");
  if (result.request_id.empty()) result.request_id = outer_id;
  return result;
}

bool is_blank_xml(std::string_view body) noexcept {
  body = without_leading_space(body);
  if (body.starts_with("<?xml")) {
    const std::size_t end = body.find("?>");
    body = end == std::string_view::npos ? std::string_view() : body.substr(end + 2);
  }
  return std::all_of(body.begin(), body.end(), is_space);
}

Result<MultipartId> parse_initiate_result(std::string_view body) {
  Document document;
  SLUICE_TRY(const pugi::xml_node root, load(document, body, "InitiateMultipartUploadResult"));
  MultipartId id(text_of(root, "UploadId"));
  if (id.empty()) return bad("UploadId");
  return id;
}

Result<CompleteResult> parse_complete_result(std::string_view body) {
  Document document;
  SLUICE_TRY(const pugi::xml_node root, load(document, body, "CompleteMultipartUploadResult"));
  CompleteResult result;
  result.etag = ETag(text_of(root, "ETag"));
  result.crc64nvme = checksum_of(root, ChecksumKind::kCrc64Nvme);
  result.crc32c = checksum_of(root, ChecksumKind::kCrc32c);
  return result;
}

Result<PartsPage> parse_parts_page(std::string_view body) {
  Document document;
  SLUICE_TRY(const pugi::xml_node root, load(document, body, "ListPartsResult"));
  PartsPage page;
  std::uint32_t last = 0;
  for (const pugi::xml_node& node : root.children()) {
    if (local_name(node) != "Part") continue;
    const auto number = parse_decimal(trim(text_of(node, "PartNumber")));
    const auto size = parse_decimal(trim(text_of(node, "Size")));
    if (!number || *number == 0 || *number > 0xffffffffU) return bad("PartNumber");
    if (!size) return bad("Size");
    PartsPage::Part part;
    part.number = static_cast<std::uint32_t>(*number);
    part.etag = ETag(text_of(node, "ETag"));
    part.size = ByteCount(*size);
    last = part.number;
    page.parts.push_back(std::move(part));
  }
  if (is_true(text_of(root, "IsTruncated"))) {
    const auto next = parse_decimal(trim(text_of(root, "NextPartNumberMarker")));
    if (next && *next <= 0xffffffffU && *next > 0) {
      page.next = static_cast<std::uint32_t>(*next);
    } else if (last != 0) {
      page.next = last;
    } else {
      return bad("NextPartNumberMarker");
    }
  }
  return page;
}

Result<UploadsPage> parse_uploads_page(std::string_view body) {
  Document document;
  SLUICE_TRY(const pugi::xml_node root, load(document, body, "ListMultipartUploadsResult"));
  const bool encoded = is_encoded(root);
  UploadsPage page;
  for (const pugi::xml_node& node : root.children()) {
    if (local_name(node) != "Upload") continue;
    const auto key = decode_key(text_of(node, "Key"), encoded);
    if (!key || key->empty()) return bad("Key");
    UploadsPage::Upload upload;
    upload.key = *key;
    upload.id = MultipartId(text_of(node, "UploadId"));
    if (upload.id.empty()) return bad("UploadId");
    upload.initiated = parse_iso8601(trim(text_of(node, "Initiated"))).value_or(WallTime());
    page.uploads.push_back(std::move(upload));
  }
  if (is_true(text_of(root, "IsTruncated"))) {
    const auto key = decode_key(text_of(root, "NextKeyMarker"), encoded);
    if (!key) return bad("NextKeyMarker");
    page.next.emplace(*key, text_of(root, "NextUploadIdMarker"));
  }
  return page;
}

Result<ObjectsPage> parse_objects_page(std::string_view body) {
  Document document;
  SLUICE_TRY(const pugi::xml_node root, load(document, body, "ListBucketResult"));
  const bool encoded = is_encoded(root);
  ObjectsPage page;
  for (const pugi::xml_node& node : root.children()) {
    if (local_name(node) != "Contents") continue;
    const auto key = decode_key(text_of(node, "Key"), encoded);
    const auto size = parse_decimal(trim(text_of(node, "Size")));
    if (!key || key->empty()) return bad("Key");
    if (!size) return bad("Size");
    ObjectsPage::Object object;
    object.key = *key;
    object.size = ByteCount(*size);
    object.modified = parse_iso8601(trim(text_of(node, "LastModified"))).value_or(WallTime());
    page.objects.push_back(std::move(object));
  }
  if (is_true(text_of(root, "IsTruncated"))) {
    std::string token = text_of(root, "NextContinuationToken");
    if (token.empty()) return bad("NextContinuationToken");
    page.next = std::move(token);
  }
  return page;
}

Result<StsCredentials> parse_sts_credentials(std::string_view body) {
  Document document;
  if (!document.load(body)) return fail(Errc::kInvalidArgument, "the answer of STS is not XML");
  // <AssumeRoleResponse><AssumeRoleResult><Credentials>, and the same with WebIdentity.
  for (const pugi::xml_node& result : document.root().children()) {
    const pugi::xml_node node = child(result, "Credentials");
    if (!node) continue;
    StsCredentials credentials;
    credentials.access_key = text_of(node, "AccessKeyId");
    credentials.secret_key = text_of(node, "SecretAccessKey");
    credentials.session_token = text_of(node, "SessionToken");
    credentials.expires = parse_iso8601(trim(text_of(node, "Expiration")));
    if (credentials.access_key.empty() || credentials.secret_key.empty() ||
        credentials.session_token.empty()) {
      break;
    }
    return credentials;
  }
  return fail(Errc::kInvalidArgument, "the answer of STS has no credentials");
}

std::string write_complete_request(const std::vector<CompletedPart>& parts) {
  std::string xml = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const CompletedPart& part : parts) {
    xml += "<Part><PartNumber>" + std::to_string(part.number) + "</PartNumber><ETag>";
    append_escaped(xml, part.etag);
    xml += "</ETag>";
    if (part.checksum) {
      const std::string name = "Checksum" + s3_checksum_name(part.checksum->kind());
      xml += "<" + name + ">" + part.checksum->base64() + "</" + name + ">";
    }
    xml += "</Part>";
  }
  xml += "</CompleteMultipartUpload>";
  return xml;
}

}  // namespace sluice::wire
