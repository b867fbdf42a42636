// S3State: names, sizes, and tokens of what was thrown away. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wire/checksum.h"

namespace sluice::sink {

using Metadata = std::vector<std::pair<std::string, std::string>>;  // x-amz-meta-*, Content-Type

struct Object {
  std::uint64_t size = 0;
  std::string etag;  // with quotes
  Metadata metadata;
  std::optional<wire::Checksum> checksum;    // with --verify
  std::shared_ptr<const std::string> bytes;  // of what is kept
};

struct Part {
  std::uint64_t size = 0;
  std::string etag;
  std::optional<wire::Checksum> checksum;
  std::shared_ptr<const std::string> bytes;
};

struct Stats {
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t bytes_received = 0;  // of bodies, failed ones included
  std::uint64_t puts = 0;            // whole objects
  std::uint64_t parts = 0;
  std::uint64_t completed = 0;  // multipart uploads
  std::uint64_t failures = 0;   // answers that --fail spoiled
};

// What a Complete request names.
struct NamedPart {
  std::uint32_t number = 0;
  std::string etag;
};

class S3State {
 public:
  // A new ETag: quoted, 32 hexadecimal digits, never the same twice. Not a hash.
  std::string next_etag();

  void put(const std::string& key, Object object);
  std::optional<Object> find(const std::string& key) const;
  void remove(const std::string& key);

  std::string create(const std::string& key, Metadata metadata);
  // False: no such upload of this key.
  bool put_part(const std::string& key, const std::string& upload, std::uint32_t number, Part part);
  enum class Completion { kDone, kNoSuchUpload, kInvalidPart, kInvalidPartOrder };
  Completion complete(const std::string& key, const std::string& upload,
                      const std::vector<NamedPart>& named, Object& out);
  bool abort(const std::string& key, const std::string& upload);
  std::optional<std::map<std::uint32_t, Part>> parts(const std::string& key,
                                                     const std::string& upload) const;
  std::vector<std::pair<std::string, std::string>> uploads(const std::string& prefix) const;
  std::vector<std::pair<std::string, Object>> objects(const std::string& prefix) const;

  // Objects and bytes that are there now, and the counters, as JSON.
  std::string stats_json() const;

  // Counts one request body and tells whether --fail spoils it: 0 no, else the kind, 1 to 3.
  int count_body(std::uint64_t fail_every);
  void count(std::uint64_t Stats::*counter, std::uint64_t by = 1);

 private:
  struct Upload {
    std::string key;
    Metadata metadata;
    std::map<std::uint32_t, Part> parts;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Object> objects_;
  std::map<std::string, Upload> uploads_;
  Stats stats_;
  std::uint64_t etags_ = 0;
  std::uint64_t ids_ = 0;
  std::uint64_t bodies_ = 0;
};

}  // namespace sluice::sink
