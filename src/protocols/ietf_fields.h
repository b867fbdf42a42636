// What the fields of an IETF request say, and the words that both directions share. Pure and total.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/units.h"
#include "protocols/ietf.h"
#include "wire/http_message.h"

namespace sluice::protocols::ietf {

inline constexpr std::string_view kPartialUpload = "application/partial-upload";
inline constexpr std::string_view kVersionField = "Upload-Draft-Interop-Version";
inline constexpr std::string_view kAllowCreation = "POST, PUT, PATCH, OPTIONS";
inline constexpr std::string_view kAllowUpload = "HEAD, GET, PATCH, DELETE, OPTIONS";  // section 6

// Names of uploads that this protocol began. A request for one that shows no protocol is one of
// this (digest section 4, no. 1): HEAD of the final form is nothing but HEAD. No other protocol makes
// such a name: '.' is not in the alphabet of fresh names.
inline constexpr std::string_view kNameBegin = "r.";

// The rules a request is judged and answered by.
class Version {
 public:
  // The final form: no version, or none that we speak (P-06).
  Version() = default;
  explicit Version(int number) : number_(number) {}

  // The number to be echoed (P-09); nullopt: none.
  std::optional<int> number() const noexcept {
    return number_ == kFinal ? std::nullopt : std::optional<int>(number_);
  }
  bool at_most(int number) const noexcept { return number_ <= number; }
  bool at_least(int number) const noexcept { return number_ >= number; }
  // tus-js-client speaks 5 and 6, and its file source of Node never says of the last chunk that it is
  // the last. In these versions a length that is reached is the end; who does say it later is given the
  // final answer again. Otherwise R-15.
  bool ends_at_length() const noexcept { return between(5, 6); }
  bool between(int low, int high) const noexcept { return at_least(low) && at_most(high); }

 private:
  static constexpr int kFinal = 1'000;
  int number_ = kFinal;
};

enum class Kind : std::uint8_t { kCreate, kAppend, kRetrieve, kCancel, kOther };

struct Fields {
  Kind kind = Kind::kOther;
  Version version;
  // This request's content ends the object. nullopt: not said, or not so that it counts.
  std::optional<bool> complete;
  std::optional<ByteOffset> offset;
  std::optional<ByteCount> length;   // of the whole object
  // Bytes of this request's content; nullopt: known at its end.
  std::optional<ByteCount> content;
};

Fields read_fields(const wire::RequestHead& request, const IetfOptions& options);

// The media type of the request, without parameters, is that of an append (section 3.4).
bool is_partial_upload(const wire::RequestHead& request);

// The upload's name in the request's path, still percent-encoded; empty: the path is a creation's.
std::string_view upload_in(const wire::RequestHead& request, const IetfOptions& options) noexcept;

// Upload-Limit (section 3.2), never empty. `lifetime`: what is left of it.
std::string upload_limit(const IetfOptions& options, Version version,
                         std::optional<Duration> lifetime);

// The upload's address: absolute if the origin is known (P-17).
std::string address_of(std::string_view name, const IetfOptions& options,
                       std::string_view origin);

}  // namespace sluice::protocols::ietf
