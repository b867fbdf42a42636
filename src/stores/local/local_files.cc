#include "stores/local/local_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <sstream>
#include <utility>

#include <sys/uio.h>
#include <unistd.h>

#include "base/text.h"

namespace sluice::stores {

namespace {

constexpr std::size_t kCopyBytes = 256U << 10;
constexpr std::size_t kSmallFileMax = 64U << 20;  // a journal of 10,000 parts is under 2 MiB

std::string upload_directory(const MultipartId& id) { return ".sluice/uploads/" + id.str(); }

// Keys of our own below .sluice/ are objects like others; the rest of it is the store's.
bool is_ours(std::string_view key) {
  return key.starts_with(".sluice/parked/") || key.starts_with(".sluice/check/");
}

Result<Ok> check_key(const ObjectKey& key) {
  if (key.str().size() > 1024) return fail(Errc::kRejected, "the key is longer than 1024 bytes");
  if (!is_utf8(key.str())) return fail(Errc::kRejected, "the key is not UTF-8");
  if ((key.str() == ".sluice" || key.str().starts_with(".sluice/")) && !is_ours(key.str())) {
    return fail(Errc::kRejected, "the key lies in the store's own directory");
  }
  return FileTree::check(key.str());
}

// Ids come back from the state database: still only names of one component.
Result<Ok> check_id(const MultipartId& id) {
  if (id.str().find('/') != std::string::npos) return fail(Errc::kNotFound, "no such multipart upload");
  Result<Ok> fit = FileTree::check(id.str());
  if (!fit) return fail(Errc::kNotFound, "no such multipart upload");
  return Ok{};
}

Result<Ok> write_all(const File& file, const char* data, std::size_t size, std::uint64_t at) {
  while (size > 0) {
    const ssize_t n = ::pwrite(file.get(), data, size, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "cannot write"));
    data += n;
    size -= static_cast<std::size_t>(n);
    at += static_cast<std::uint64_t>(n);
  }
  return Ok{};
}

Result<std::string> read_range(const File& file, std::uint64_t at, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t n =
        ::pread(file.get(), bytes.data() + have, size - have, static_cast<off_t>(at + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "cannot read"));
    if (n == 0) return fail(Errc::kCorrupt, "the object is shorter than expected");
    have += static_cast<std::size_t>(n);
  }
  return bytes;
}

Result<Ok> sync(const File& file) {
  if (::fdatasync(file.get()) != 0) return fail(errno_error(errno, "cannot sync the file"));
  return Ok{};
}

std::string part_etag(const wire::Checksum& checksum, ByteCount size) {
  char text[64];
  std::snprintf(text, sizeof text, "\"%016llx-%llx\"",
                static_cast<unsigned long long>(checksum.value()),
                static_cast<unsigned long long>(size.value()));
  return text;
}

}  // namespace

Result<LocalFiles> LocalFiles::open(const std::string& directory) {
  SLUICE_TRY(FileTree tree, FileTree::open(directory));
  for (const char* own : {".sluice/uploads", ".sluice/tmp", ".sluice/done", ".sluice/parked"}) {
    SLUICE_TRY_OK(tree.make_directories(own));
  }
  return LocalFiles(std::move(tree));
}

// Answers the checksum of what was written, of the payload's own kind (CRC-32C if it has none).
Result<wire::Checksum> LocalFiles::write(const File& file, const Payload& payload,
                                         std::uint64_t at) const {
  const wire::ChecksumKind kind =
      payload.checksum() ? payload.checksum()->kind() : wire::ChecksumKind::kCrc32c;
  wire::Checksum sum = wire::Checksum::of_nothing(kind);
  for (const Payload::Piece& piece : payload.pieces()) {
    if (const auto* bytes = std::get_if<Bytes>(&piece)) {
      for (const Slice& slice : bytes->slices()) {
        SLUICE_TRY_OK(write_all(file, slice.text().data(), slice.size(), at));
        sum = sum.extended(slice.span());
        at += slice.size();
      }
      continue;
    }
    const auto& stored = std::get<StoredPiece>(piece);
    SLUICE_TRY(const File source, tree_.open_read(stored.key.str()));
    for (std::uint64_t done = 0; done < stored.length.value();) {
      const std::uint64_t left = stored.length.value() - done;
      const std::size_t n = std::min<std::uint64_t>(left, kCopyBytes);
      SLUICE_TRY(const std::string copy, read_range(source, stored.begin.value() + done, n));
      SLUICE_TRY_OK(write_all(file, copy.data(), copy.size(), at));
      sum = sum.extended(as_bytes(copy));
      done += n;
      at += n;
    }
  }
  if (payload.checksum() && *payload.checksum() != sum) {
    return fail(Errc::kCorrupt, "the bytes do not fit their checksum");
  }
  return sum;
}

ObjectInfo LocalFiles::object_info(const FileInfo& file) const {
  ObjectInfo info;
  info.size = file.size;
  char text[80];
  std::snprintf(text, sizeof text, "\"%llx-%llx-%llx\"", static_cast<unsigned long long>(file.inode),
                static_cast<unsigned long long>(file.size.value()),
                static_cast<unsigned long long>(file.modified_ns));
  info.etag = ETag(text);
  return info;
}

// Gives the file its second name before it becomes visible.
Result<Ok> LocalFiles::prove(const std::string& from, const ObjectSpec& spec) const {
  if (is_ours(spec.key.str()) || spec.token.empty()) return Ok{};
  return tree_.link(from, ".sluice/done/" + spec.token.str());
}

Result<ObjectInfo> LocalFiles::put_object(const ObjectSpec& spec, const Payload& payload,
                                          const std::string& scratch) const {
  SLUICE_TRY_OK(check_key(spec.key));
  const std::string temporary = ".sluice/tmp/" + scratch;
  const auto write_it = [&]() -> Result<ObjectInfo> {
    SLUICE_TRY(const File file, tree_.create(temporary));
    SLUICE_TRY_OK(write(file, payload, 0));
    SLUICE_TRY_OK(sync(file));
    SLUICE_TRY(const FileInfo written, FileTree::info_of(file));
    SLUICE_TRY_OK(prove(temporary, spec));
    SLUICE_TRY_OK(tree_.rename(temporary, spec.key.str()));
    ObjectInfo info = object_info(written);
    info.token = spec.token;
    return info;
  };
  Result<ObjectInfo> done = write_it();
  if (!done) {
    const Result<Ok> removed = tree_.remove(temporary);
    static_cast<void>(removed);
    const Result<Ok> settled = settle(spec);
    static_cast<void>(settled);
    // The temporary file was there a moment ago: what is missing is not the object.
    if (done.error().code() == Errc::kNotFound) {
      return fail(Errc::kUnavailable, done.error().detail());
    }
  }
  return done;
}

Result<ObjectInfo> LocalFiles::stat(const ObjectKey& key) const {
  SLUICE_TRY_OK(check_key(key));
  Result<FileInfo> file = tree_.info(key.str());
  if (!file) {
    // Where a component is a file, there is no such object.
    if (file.error().code() == Errc::kRejected) return fail(Errc::kNotFound, file.error().detail());
    return fail(file.error());
  }
  ObjectInfo info = object_info(*file);
  for (const std::string& token : tree_.names(".sluice/done")) {
    const Result<FileInfo> proof = tree_.info(".sluice/done/" + token);
    if (proof && proof->inode == file->inode && proof->device == file->device) {
      info.token = UploadToken(token);
      break;
    }
  }
  return info;
}

Result<Bytes> LocalFiles::get(const ObjectKey& key, ByteRange range) const {
  SLUICE_TRY_OK(check_key(key));
  SLUICE_TRY(const File file, tree_.open_read(key.str()));
  SLUICE_TRY_OK(FileTree::info_of(file));
  SLUICE_TRY(const std::string bytes,
             read_range(file, range.begin().value(), range.size().value()));
  return Bytes::copy_of(bytes);
}

Result<Ok> LocalFiles::remove(const ObjectKey& key) const {
  SLUICE_TRY_OK(check_key(key));
  SLUICE_TRY_OK(tree_.remove(key.str()));
  if (is_ours(key.str())) {
    const std::size_t slash = key.str().rfind('/');
    tree_.prune(std::string_view(key.str()).substr(0, slash));
  }
  return Ok{};
}

Result<MultipartId> LocalFiles::create_multipart(const ObjectSpec& spec,
                                                 const std::string& id) const {
  SLUICE_TRY_OK(check_key(spec.key));
  const MultipartId multipart(id);
  const std::string directory = upload_directory(multipart);
  SLUICE_TRY_OK(tree_.make_directories(directory));
  SLUICE_TRY_OK(tree_.create(directory + "/data"));
  // Last, and by rename: an upload with a meta file is whole.
  SLUICE_TRY(const File meta, tree_.create(directory + "/meta.new"));
  const std::string text = base64(as_bytes(spec.key.str())) + "\n" +
                           base64(as_bytes(spec.token.str())) + "\n";
  SLUICE_TRY_OK(write_all(meta, text.data(), text.size(), 0));
  SLUICE_TRY_OK(sync(meta));
  SLUICE_TRY_OK(tree_.rename(directory + "/meta.new", directory + "/meta"));
  return multipart;
}

Result<LocalFiles::Meta> LocalFiles::read_meta(const MultipartId& multipart) const {
  SLUICE_TRY_OK(check_id(multipart));
  SLUICE_TRY(const File file, tree_.open_read(upload_directory(multipart) + "/meta"));
  SLUICE_TRY(const FileInfo info, FileTree::info_of(file));
  if (info.size.value() > kSmallFileMax) return fail(Errc::kCorrupt, "an upload's meta file is damaged");
  SLUICE_TRY(const std::string text, read_range(file, 0, info.size.value()));
  const std::size_t first = text.find('\n');
  const std::size_t second = first == std::string::npos ? first : text.find('\n', first + 1);
  if (second == std::string::npos) return fail(Errc::kCorrupt, "an upload's meta file is damaged");
  const auto key = base64_decode(std::string_view(text).substr(0, first));
  const auto token = base64_decode(std::string_view(text).substr(first + 1, second - first - 1));
  if (!key || !token) return fail(Errc::kCorrupt, "an upload's meta file is damaged");
  return Meta{*key, *token};
}

Result<LocalFiles::Journal> LocalFiles::read_journal(const ObjectKey& key,
                                                     const MultipartId& multipart) const {
  SLUICE_TRY(const Meta meta, read_meta(multipart));
  if (meta.key != key.str()) return fail(Errc::kNotFound, "no such multipart upload");
  Journal journal;
  Result<File> file = tree_.open_read(upload_directory(multipart) + "/parts");
  if (!file) {
    if (file.error().code() == Errc::kNotFound) return journal;
    return fail(file.error());
  }
  SLUICE_TRY(const FileInfo info, FileTree::info_of(*file));
  if (info.size.value() > kSmallFileMax) return fail(Errc::kCorrupt, "an upload's journal is damaged");
  SLUICE_TRY(const std::string text, read_range(*file, 0, info.size.value()));
  std::map<std::uint32_t, Journal::Part> parts;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    if (lines.eof()) break;  // no newline: a line that was being written when the machine stopped
    std::istringstream fields(line);
    Journal::Part part;
    if (!(fields >> part.number >> part.begin >> part.size >> part.etag)) continue;
    parts[part.number] = part;
  }
  for (auto& [number, part] : parts) journal.parts.push_back(std::move(part));
  return journal;
}

Result<PartReceipt> LocalFiles::put_part(const PartTarget& target, const Payload& payload) const {
  if (payload.size() != target.range.size()) {
    return fail(Errc::kInvalidArgument, "the part's bytes do not fit its range");
  }
  SLUICE_TRY(const Meta meta, read_meta(target.multipart));
  if (meta.key != target.key.str()) return fail(Errc::kNotFound, "no such multipart upload");
  const std::string directory = upload_directory(target.multipart);
  SLUICE_TRY(const File data, tree_.open_write(directory + "/data"));
  SLUICE_TRY(const wire::Checksum sum, write(data, payload, target.range.begin().value()));
  SLUICE_TRY_OK(sync(data));
  const std::string etag = part_etag(sum, payload.size());
  // One write of one line: lines of parts that end at the same time do not mix.
  const std::string line = std::to_string(target.number.value()) + " " +
                           std::to_string(target.range.begin().value()) + " " +
                           std::to_string(payload.size().value()) + " " + etag + "\n";
  SLUICE_TRY(const File journal, tree_.open_append(directory + "/parts"));
  const ssize_t n = ::write(journal.get(), line.data(), line.size());
  if (n < 0) return fail(errno_error(errno, "cannot write the journal"));
  if (static_cast<std::size_t>(n) != line.size()) {
    // Ends the torn line, so that the next one stands alone.
    const ssize_t ended = ::write(journal.get(), "\n", 1);
    static_cast<void>(ended);
    return fail(Errc::kUnavailable, "cannot write the journal");
  }
  SLUICE_TRY_OK(sync(journal));
  return PartReceipt(target.number, ETag(etag), payload.size(), payload.checksum());
}

Result<ObjectInfo> LocalFiles::complete(const Completion& completion) const {
  SLUICE_TRY_OK(check_key(completion.spec.key));
  SLUICE_TRY(const Journal journal, read_journal(completion.spec.key, completion.multipart));
  const std::string directory = upload_directory(completion.multipart);
  Result<File> opened = tree_.open_write(directory + "/data");
  if (!opened) {
    // Renamed already: a former completion got that far.
    if (opened.error().code() == Errc::kNotFound) {
      const Result<Ok> removed = tree_.remove_directory(directory);
      static_cast<void>(removed);
    }
    return fail(opened.error());
  }
  const File data = std::move(*opened);
  if (completion.parts.empty()) return fail(Errc::kConflict, "no parts");
  std::uint64_t at = 0;
  std::optional<wire::Checksum> whole;
  bool checkable = completion.checksum.has_value();
  if (checkable) whole = wire::Checksum::of_nothing(completion.checksum->kind());
  std::uint32_t last = 0;
  for (const PartReceipt& part : completion.parts) {
    const auto stored = std::find_if(
        journal.parts.begin(), journal.parts.end(),
        [&](const Journal::Part& p) { return p.number == part.number.value(); });
    if (part.number.value() <= last) return fail(Errc::kConflict, "the part list is not ascending");
    last = part.number.value();
    if (stored == journal.parts.end() || stored->etag != part.etag.str() ||
        stored->size != part.size.value() || stored->begin != at) {
      return fail(Errc::kConflict, "a part of the list is not what is stored");
    }
    at += stored->size;
    checkable = checkable && part.checksum && part.checksum->kind() == whole->kind();
    if (checkable) whole = wire::combine(*whole, *part.checksum, part.size);
  }
  if (at != completion.size.value()) return fail(Errc::kCorrupt, "the parts have another size");
  if (checkable && *whole != *completion.checksum) {
    return fail(Errc::kCorrupt, "the parts have another checksum");
  }
  if (::ftruncate(data.get(), static_cast<off_t>(at)) != 0) {
    return fail(errno_error(errno, "cannot cut the file"));
  }
  if (::fsync(data.get()) != 0) return fail(errno_error(errno, "cannot sync the file"));
  SLUICE_TRY(const FileInfo written, FileTree::info_of(data));
  SLUICE_TRY_OK(prove(directory + "/data", completion.spec));
  SLUICE_TRY_OK(tree_.rename(directory + "/data", completion.spec.key.str()));
  const Result<Ok> removed = tree_.remove_directory(directory);
  static_cast<void>(removed);  // a leftover is an upload without data: it completes as "not found"
  ObjectInfo info = object_info(written);
  info.token = completion.spec.token;
  return info;
}

Result<Ok> LocalFiles::abort(const MultipartId& multipart) const {
  const Result<Ok> fit = check_id(multipart);
  if (!fit) return Ok{};
  return tree_.remove_directory(upload_directory(multipart));
}

Result<std::vector<ListedPart>> LocalFiles::list_parts(const ObjectKey& key,
                                                       const MultipartId& multipart) const {
  SLUICE_TRY(const Journal journal, read_journal(key, multipart));
  std::vector<ListedPart> parts;
  for (const Journal::Part& part : journal.parts) {
    if (part.number == 0) continue;
    parts.emplace_back(PartNumber(part.number), ETag(part.etag), ByteCount(part.size));
  }
  return parts;
}

std::vector<ListedMultipart> LocalFiles::list_multiparts(const std::string& prefix) const {
  std::vector<ListedMultipart> found;
  for (const std::string& id : tree_.names(".sluice/uploads")) {
    const MultipartId multipart(id);
    const Result<Meta> meta = read_meta(multipart);
    const Result<FileInfo> info = tree_.info(upload_directory(multipart) + "/meta");
    if (!meta || !info || !meta->key.starts_with(prefix)) continue;
    found.emplace_back(ObjectKey(meta->key), multipart, info->modified);
  }
  std::sort(found.begin(), found.end(), [](const ListedMultipart& a, const ListedMultipart& b) {
    return std::pair(a.key, a.multipart) < std::pair(b.key, b.multipart);
  });
  return found;
}

std::vector<ListedObject> LocalFiles::list_objects(const std::string& prefix) const {
  std::vector<ListedObject> found;
  const std::vector<std::string> own{".sluice/uploads", ".sluice/tmp", ".sluice/done"};
  for (const Entry& entry : tree_.list(prefix, own)) {
    found.emplace_back(ObjectKey(entry.path), entry.info.size, entry.info.modified);
  }
  std::sort(found.begin(), found.end(),
            [](const ListedObject& a, const ListedObject& b) { return a.key < b.key; });
  return found;
}

Result<Ok> LocalFiles::settle(const ObjectSpec& spec) const {
  if (is_ours(spec.key.str()) || spec.token.empty()) return Ok{};
  return tree_.remove(".sluice/done/" + spec.token.str());
}

Result<Ok> LocalFiles::probe(const std::string& scratch) const {
  const std::string temporary = ".sluice/tmp/" + scratch;
  SLUICE_TRY(const File file, tree_.create(temporary));
  SLUICE_TRY_OK(write_all(file, "sluice", 6, 0));
  SLUICE_TRY_OK(sync(file));
  return tree_.remove(temporary);
}

}  // namespace sluice::stores
