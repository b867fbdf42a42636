// Command and Outcome: what every dialect translates to and from. A dialect never decides about
// state; the engine never knows a status code. Pure values.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "base/units.h"
#include "core/problem.h"
#include "wire/checksum.h"

namespace sluice::core {

// What becomes of the object's description. Kept from creation.
struct ObjectAttributes {
  std::string content_type;         // empty: application/octet-stream
  std::string content_disposition;  // empty: none
  std::string cache_control;        // empty: none
  std::vector<std::pair<std::string, std::string>> metadata;  // user metadata, lower-case names
  // The client's description in its own protocol's notation (tus: Upload-Metadata), given back byte
  // for byte. Not part of the object.
  std::string raw_metadata;
};

// Begin an upload that has no bytes yet, as the current one of its name. Outcome: Incomplete at 0, or
// Complete if the total is 0.
struct Create {
  std::optional<ByteCount> total;
  bool parallel = false;  // as Append::parallel
};

// Append bytes, beginning an upload where there is none.
struct Append {
  // First byte of the body in the object. nullopt: no Content-Range at all, which always begins a
  // new attempt (ruling 1).
  std::optional<ByteOffset> begin;
  // Bytes the range announces; nullopt: until the body ends. A body with more is an error.
  std::optional<ByteCount> length;
  // The framing is known to announce more than `length`: the body is cut there and nobody
  // looks for its end.
  bool cut_body = false;
  // Total size of the object, if the request says so.
  std::optional<ByteCount> total;
  // The clean end of this body is the end of the object (bare PUT, "a-*/...").
  bool ends_object = false;
  // False: an upload must exist already (never begin one). Name form: true.
  bool may_begin = true;
  // If this begins an upload: its ranges may come in any order, from many connections (ruling 2).
  // The total is known then.
  bool parallel = false;
  // `begin` must be exactly the offset: anything else stores nothing and is refused with
  // kOffsetMismatch and the true offset (tus T-rows, IETF R-rows). False: what is there already is
  // skipped, and a gap is answered with Incomplete.
  bool exact = false;
  // False: reaching the total is not the end of the object; only `ends_object` is (IETF).
  bool ends_at_total = true;
};

// How much is there? Finishes the upload if `total` equals what is stored.
struct Query {
  std::optional<ByteCount> total;
  // A running append is ended and its bytes are made durable before the answer, so that the offset
  // is final until the next append (IETF HEAD, ruling 4).
  bool settle = false;
};

// Abort an unfinished upload.
struct Cancel {
  // A complete one: forget it, so that its name is free; the object stays (tus TP-15). False: that is
  // refused with kAlreadyComplete.
  bool release_complete = false;
};
struct Inspect {};  // state for humans and dashboards; changes nothing

struct Command {
  Command() = default;  // not an aggregate: commands travel through coroutines
  std::string name;  // decoded, validated by the dialect
  std::variant<Append, Query, Cancel, Inspect, Create> verb;
  ObjectAttributes attributes;  // used if the command begins an upload
  // The object key that the request asks for, if it is not the name. The application's goes first.
  std::optional<std::string> key;
};

// The application's permission, from hooks/. Defaults: an anonymous subject, key = name.
struct Grant {
  Grant() = default;  // as Command
  std::string subject;                   // part of the upload's identity; empty: none
  std::optional<std::string> key;        // object key chosen by the application
  std::optional<ByteCount> size_max;     // bytes
};

struct UploadResult {
  std::string name;
  ByteCount size;
  ETag etag;                 // may be empty
  std::optional<wire::Checksum> checksum;
  WallTime completed_at;
};

// What some dialects tell besides the offset.
struct About {
  std::string raw_metadata;  // ObjectAttributes::raw_metadata, as given at creation
  std::optional<WallTime> expires_at;  // of an unfinished upload
};

// Unfinished: this much is durable. What 308 says.
struct Incomplete {
  ByteOffset offset;  // end of the durable run from 0
  std::optional<ByteCount> total;
  std::vector<ByteRange> ranges;  // everything durable
  bool parallel = false;
  std::optional<ByteCount> part_size;  // of a parallel upload: ranges that fit it cost least
  // The body of this request was not read to its end; close the connection or drain it.
  bool body_unread = false;
  About about;
};

struct Complete {
  UploadResult result;
  bool body_unread = false;  // answered from the stored result
  About about;
};

struct Cancelled {};

struct Inspected {
  std::string state;  // "open", "completing", "complete", "aborting", "aborted"
  UploadId id;
  std::string name;
  ByteOffset offset;
  std::optional<ByteCount> total;
  std::vector<ByteRange> ranges;
  WallTime created_at;
  std::optional<WallTime> expires_at;
  std::optional<UploadResult> result;
  bool parallel = false;
  bool writing = false;  // a connection is sending right now
};

struct Refused {
  Problem problem;
  std::optional<ByteOffset> offset;  // the true offset, where it is known
  bool body_unread = true;
};

// The line broke while the body was read: there is nobody to answer. The bytes are kept.
struct ClientGone {};

using Outcome = std::variant<Incomplete, Complete, Cancelled, Inspected, Refused, ClientGone>;

}  // namespace sluice::core
