// Unfinished uploads: uploads/ID/ with meta, data and parts.
//
// What a crash leaves of complete(): nothing done; or a proof as well; or the data renamed away,
// which is the moment of truth: an upload directory without data is a finished one, and is swept up
// by whoever meets it.
#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <vector>

#include <boost/json.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "stores/local/directory.h"
#include "stores/local/object_info.h"
#include "stores/local/payload_io.h"
#include "stores/local/tree.h"

namespace sluice::stores::local {

namespace json = boost::json;

namespace {

constexpr const char* kMeta = "meta";
constexpr const char* kData = "data";
constexpr const char* kParts = "parts";
constexpr std::size_t kMetaBytesMax = 64U << 10;

// Ids come back from databases and operators: only what we could have made is looked up.
bool is_id(const std::string& id) {
  return id.size() == 32 && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

tl::unexpected<Error> no_upload() {
  return fail(Errc::kNotFound, "no such multipart upload");
}

std::string meta_text(const ObjectSpec& spec) {
  json::object meta;
  meta["version"] = 1;
  meta["key"] = spec.key.str();
  meta["token"] = spec.token.str();
  meta["owner"] = spec.owner.str();
  return json::serialize(meta);
}

struct Meta {
  std::string key;
  std::string token;
  std::string owner;
};

std::optional<Meta> parse_meta(const std::string& text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) return std::nullopt;
  const json::value* key = value.get_object().if_contains("key");
  const json::value* token = value.get_object().if_contains("token");
  const json::value* owner = value.get_object().if_contains("owner");
  for (const json::value* one : {key, token}) {
    if (one == nullptr || !one->is_string()) return std::nullopt;
  }
  // Uploads that were begun before owners were noted have none.
  const bool owned = owner != nullptr && owner->is_string();
  return Meta{std::string(key->get_string()), std::string(token->get_string()),
              owned ? std::string(owner->get_string()) : std::string()};
}

Result<Ok> create_file(const Fd& directory, const char* name, unsigned mode, std::string text) {
  SLUICE_TRY(const Fd file, open_in(directory, name, O_WRONLY | O_CREAT | O_EXCL, mode));
  SLUICE_TRY_OK(write_at(file, as_bytes(text), 0));
  return sync_data(file);
}

// Opens a file of an upload; one that is gone means that the upload is.
Result<Fd> open_file(const Fd& directory, const char* name) {
  Result<Fd> file = open_in(directory, name, O_RDWR);
  if (!file && file.error().code() == Errc::kNotFound) return no_upload();
  return file;
}

// Reads a whole file once more, for a checksum of a kind that was not computed on the way in.
Result<wire::Checksum> sum_file(const Fd& file, wire::ChecksumKind kind, std::uint64_t size) {
  std::vector<std::byte> window(1U << 20);
  auto sum = wire::Checksum::of_nothing(kind);
  for (std::uint64_t at = 0; at < size;) {
    const std::size_t want = std::min<std::uint64_t>(window.size(), size - at);
    const auto into = std::span(window).first(want);
    SLUICE_TRY(const std::size_t n, read_at(file, into, at));
    if (n < want) return fail(Errc::kCorrupt, "the file is shorter than its parts");
    sum = sum.extended(into);
    at += n;
  }
  return sum;
}

}  // namespace

Result<Tree::Upload> Tree::open_upload(const std::string& id) {
  if (!is_id(id)) return no_upload();
  auto directory = open_in(uploads_, id, O_RDONLY | O_DIRECTORY);
  if (!directory) {
    if (directory.error().code() == Errc::kNotFound) return no_upload();
    return fail(directory.error());
  }
  auto file = open_in(*directory, kMeta, O_RDONLY);
  if (!file) {
    if (file.error().code() == Errc::kNotFound) return no_upload();
    return fail(file.error());
  }
  std::string text(kMetaBytesMax, '\0');
  SLUICE_TRY(const std::size_t n, read_at(*file, std::as_writable_bytes(std::span(text)), 0));
  text.resize(n);
  struct stat info {};
  if (::fstat(file->get(), &info) != 0) return fail(error_of(errno, "stat"));
  const std::optional<Meta> meta = parse_meta(text);
  if (!meta) return fail(Errc::kCorrupt, "the description of upload " + id + " is damaged");
  return Upload{std::move(*directory), ObjectKey(meta->key), UploadToken(meta->token),
                UploadId(meta->owner), modified_of(info)};
}

Result<Tree::Upload> Tree::open_upload(const ObjectKey& key, const MultipartId& multipart) {
  SLUICE_TRY(Upload upload, open_upload(multipart.str()));
  if (upload.key != key) return no_upload();
  return upload;
}

// Data first: without it the rest is only remains.
void Tree::remove_upload(const std::string& id) {
  {
    const auto directory = open_in(uploads_, id, O_RDONLY | O_DIRECTORY);
    if (!directory) return;
    for (const char* name : {kData, kParts, kMeta}) ::unlinkat(directory->get(), name, 0);
  }
  ::unlinkat(uploads_.get(), id.c_str(), AT_REMOVEDIR);
}

Result<MultipartId> Tree::create_multipart(const ObjectSpec& spec, const std::string& unique) {
  SLUICE_TRY(const KeyPath path, parse_key(spec.key));
  SLUICE_TRY_OK(Proofs::check(Proof{spec.token, unique, spec.owner}));
  SLUICE_TRY_OK(check_room(root_, path));
  if (::mkdirat(tmp_.get(), unique.c_str(), 0700) != 0) {
    return fail(error_of(errno, "make directory"));
  }
  const auto fill = [this, &spec, &unique]() -> Result<Ok> {
    SLUICE_TRY(const Fd directory, open_in(tmp_, unique, O_RDONLY | O_DIRECTORY));
    SLUICE_TRY_OK(create_file(directory, kMeta, 0600, meta_text(spec)));
    SLUICE_TRY_OK(create_file(directory, kParts, 0600, {}));
    SLUICE_TRY_OK(create_file(directory, kData, 0666, {}));  // becomes the object: the umask counts
    SLUICE_TRY_OK(sync_directory(directory));
    if (::renameat(tmp_.get(), unique.c_str(), uploads_.get(), unique.c_str()) != 0) {
      return fail(error_of(errno, "rename"));
    }
    return sync_directory(uploads_);
  };
  const Result<Ok> made = fill();
  if (!made) {
    remove_in(tmp_, unique);
    return fail(made.error());
  }
  return MultipartId(unique);
}

Result<PartReceipt> Tree::put_part(const PartTarget& target, const Payload& payload) {
  if (target.number.value() > kPartsMax) return fail(Errc::kRejected, "part number above 10000");
  if (payload.size() != target.range.size()) {
    return fail(Errc::kRejected, "a part's payload has another size than its range");
  }
  const UploadLocks::Guard guard(&locks_, target.multipart.str(), target.number.value());
  SLUICE_TRY(const Upload upload, open_upload(target.key, target.multipart));
  SLUICE_TRY(const Fd data, open_file(upload.directory, kData));
  SLUICE_TRY(const Fd index, open_file(upload.directory, kParts));
  SLUICE_TRY(const std::optional<PartRecord> known, read_part(index, target.number));
  const auto receipt = [&target, &payload](const Sums& sums) {
    return PartReceipt(target.number, etag_of(sums.crc32c, payload.size()), payload.size(),
                       sums.declared);
  };
  if (known) {
    SLUICE_TRY(const Sums sums, sum_payload(root_, payload));
    // The same part again: it is durable already, and writing over it could only harm it.
    if (known->range == target.range && known->checksum == sums.crc32c) return receipt(sums);
    // Other bytes: the old ones count no longer from the first byte we write.
    SLUICE_TRY_OK(erase_part(index, target.number));
  }
  SLUICE_TRY(const Sums sums, write_payload(root_, payload, data, target.range.begin().value()));
  SLUICE_TRY_OK(sync_data(data));
  SLUICE_TRY_OK(write_part(index, PartRecord{target.number, target.range, sums.crc32c}));
  struct stat info {};
  // Another process aborted it meanwhile.
  if (::fstat(data.get(), &info) != 0 || info.st_nlink == 0) return no_upload();
  return receipt(sums);
}

Result<Ok> Tree::check_completion(const Completion& completion,
                                  const std::vector<PartRecord>& parts, const Fd& data) {
  if (completion.parts.empty()) return fail(Errc::kRejected, "completion without parts");
  ByteOffset end;
  auto sum = wire::Checksum::of_nothing(wire::ChecksumKind::kCrc32c);
  std::size_t at = 0;
  for (const PartReceipt& receipt : completion.parts) {
    const std::string name = "part " + std::to_string(receipt.number.value());
    if (receipt.number.value() != at + 1) {
      return fail(Errc::kConflict, "parts are not ascending from 1");
    }
    if (at >= parts.size() || parts[at].number != receipt.number) {
      return fail(Errc::kConflict, name + " is not there");
    }
    const PartRecord& part = parts[at++];
    if (etag_of(part.checksum, part.range.size()) != receipt.etag) {
      return fail(Errc::kConflict, name + " is another one");
    }
    if (part.range.begin() != end) {
      return fail(Errc::kConflict, name + " does not lie behind the one before it");
    }
    end = part.range.end();
    sum = wire::combine(sum, part.checksum, part.range.size());
  }
  if (end != end_of(completion.size)) {
    return fail(Errc::kCorrupt, "the parts have another size than the object");
  }
  if (!completion.checksum) return Ok{};
  if (completion.checksum->kind() != sum.kind()) {
    SLUICE_TRY(sum, sum_file(data, completion.checksum->kind(), completion.size.value()));
  }
  if (sum != *completion.checksum) {
    return fail(Errc::kCorrupt, "the object has another checksum");
  }
  return Ok{};
}

Result<ObjectInfo> Tree::complete(const Completion& completion) {
  const ObjectKey& key = completion.spec.key;
  const std::string& id = completion.multipart.str();
  SLUICE_TRY(const KeyPath path, parse_key(key));
  const UploadLocks::Guard guard(&locks_, id, UploadLocks::kWhole);
  SLUICE_TRY(const Upload upload, open_upload(key, completion.multipart));
  const Result<Fd> data = open_file(upload.directory, kData);
  if (!data) {
    if (data.error().code() == Errc::kNotFound) remove_upload(id);
    return fail(data.error());
  }
  SLUICE_TRY(const Fd index, open_file(upload.directory, kParts));
  SLUICE_TRY(const std::vector<PartRecord> parts, read_parts(index));
  SLUICE_TRY_OK(check_completion(completion, parts, *data));
  struct stat info {};
  if (::fstat(data->get(), &info) != 0) return fail(error_of(errno, "stat"));
  const auto size = static_cast<off_t>(completion.size.value());
  if (info.st_size < size) return fail(Errc::kCorrupt, "the file is shorter than its parts");
  if (info.st_size > size && ::ftruncate(data->get(), size) != 0) {
    return fail(error_of(errno, "truncate"));
  }
  if (::fsync(data->get()) != 0) return fail(error_of(errno, "fsync"));
  if (::fstat(data->get(), &info) != 0) return fail(error_of(errno, "stat"));
  SLUICE_TRY_OK(publish(key, path, Proof{upload.token, id, upload.owner}, upload.directory, kData));
  remove_upload(id);
  ObjectInfo object;
  object.size = completion.size;
  object.etag = etag_of(info);
  object.token = upload.token;
  object.checksum = completion.checksum;
  return object;
}

Result<Ok> Tree::abort(const ObjectKey& key, const MultipartId& multipart) {
  const UploadLocks::Guard guard(&locks_, multipart.str(), UploadLocks::kWhole);
  const auto upload = open_upload(key, multipart);
  if (!upload && upload.error().code() == Errc::kNotFound) return Ok{};
  // A damaged description is no reason to keep the bytes for ever.
  if (!upload && upload.error().code() != Errc::kCorrupt) return fail(upload.error());
  remove_upload(multipart.str());
  return Ok{};
}

Result<std::vector<ListedPart>> Tree::list_parts(const ObjectKey& key,
                                                 const MultipartId& multipart) {
  SLUICE_TRY(const Upload upload, open_upload(key, multipart));
  SLUICE_TRY(const Fd data, open_file(upload.directory, kData));
  SLUICE_TRY(const Fd index, open_file(upload.directory, kParts));
  SLUICE_TRY(const std::vector<PartRecord> parts, read_parts(index));
  std::vector<ListedPart> list;
  list.reserve(parts.size());
  for (const PartRecord& part : parts) {
    const ByteCount size = part.range.size();
    list.emplace_back(part.number, etag_of(part.checksum, size), size);
  }
  return list;
}

Result<std::vector<ListedMultipart>> Tree::list_multiparts(const std::string& prefix) {
  SLUICE_TRY(const std::vector<std::string> ids, names_in(uploads_));
  std::vector<ListedMultipart> list;
  for (const std::string& id : ids) {
    const auto upload = open_upload(id);
    if (!upload) continue;  // ended at this moment, or damaged
    struct stat info {};
    if (!stat_in(upload->directory, kData, &info)) {
      // The remains of a completion that was cut short, unless one is at work right now.
      const UploadLocks::Guard guard(&locks_, id, UploadLocks::kWhole);
      if (!stat_in(upload->directory, kData, &info)) remove_upload(id);
      continue;
    }
    if (upload->key.str().compare(0, prefix.size(), prefix) != 0) continue;
    list.emplace_back(upload->key, MultipartId(id), upload->initiated);
  }
  std::sort(list.begin(), list.end(), [](const ListedMultipart& a, const ListedMultipart& b) {
    return a.key != b.key ? a.key < b.key : a.multipart < b.multipart;
  });
  return list;
}

}  // namespace sluice::stores::local
