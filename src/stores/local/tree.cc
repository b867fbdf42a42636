#include "stores/local/tree.h"

#include <cerrno>
#include <ctime>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stores/local/directory.h"
#include "stores/local/object_info.h"
#include "stores/local/payload_io.h"

namespace sluice::stores::local {

namespace {

constexpr time_t kDay = 24 * 3600;
// An upload's directory was removed between two of our steps, at most this often.
constexpr int kTries = 100;

Result<Fd> make_private(const Fd& at, const std::string& name) {
  if (::mkdirat(at.get(), name.c_str(), 0700) == 0) {
    SLUICE_TRY_OK(sync_directory(at));
  } else if (errno != EEXIST) {
    return fail(error_of(errno, "make directory " + name));
  }
  return open_in(at, name, O_RDONLY | O_DIRECTORY);
}

// A file system without hard links cannot prove completions: find out before the first upload.
Result<Ok> try_links(const Fd& tmp, const std::string& unique) {
  const std::string other = unique + "-link";
  {
    SLUICE_TRY(const Fd file, open_in(tmp, unique, O_WRONLY | O_CREAT | O_EXCL, 0600));
    SLUICE_TRY_OK(write_at(file, std::as_bytes(std::span("probe")), 0));
  }
  const int linked = ::linkat(tmp.get(), unique.c_str(), tmp.get(), other.c_str(), 0);
  const int error = errno;
  ::unlinkat(tmp.get(), unique.c_str(), 0);
  if (linked != 0) return fail(error_of(error, "the file system must have hard links"));
  ::unlinkat(tmp.get(), other.c_str(), 0);
  return Ok{};
}

}  // namespace

Result<std::unique_ptr<Tree>> Tree::open(const std::string& directory) {
  if (directory.empty() || directory.front() != '/') {
    return fail(Errc::kInvalidArgument, "the store's directory must be an absolute path");
  }
  std::unique_ptr<Tree> tree(new Tree);
  tree->root_ = Fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!tree->root_) {
    const Error error = error_of(errno, "the store's directory " + directory);
    const bool missing = error.code() == Errc::kNotFound;
    return fail(missing ? Errc::kInvalidArgument : error.code(), error.detail());
  }
  SLUICE_TRY(const Fd hidden, make_private(tree->root_, ".sluice"));
  SLUICE_TRY(const Fd ours, make_private(hidden, "local"));
  SLUICE_TRY(tree->uploads_, make_private(ours, "uploads"));
  SLUICE_TRY(tree->tmp_, make_private(ours, "tmp"));
  SLUICE_TRY(Fd done, make_private(ours, "done"));
  tree->proofs_ = Proofs(std::move(done));
  tree->clear_tmp();
  tree->proofs_.tidy(std::time(nullptr) - kDay);
  return tree;
}

// Half-written files of a former process. Young ones may be another process's.
void Tree::clear_tmp() {
  const auto names = names_in(tmp_);
  if (!names) return;
  const time_t old = std::time(nullptr) - kDay;
  for (const std::string& name : *names) {
    struct stat info {};
    if (stat_in(tmp_, name, &info) && info.st_mtime < old) remove_in(tmp_, name);
  }
}

// ------------------------------------------------------------------------------------- objects

Result<Ok> Tree::publish(const ObjectKey& key, const KeyPath& path, const Proof& proof,
                         const Fd& from, const std::string& name) {
  const bool proved = !path.parked();
  if (proved) {
    SLUICE_TRY_OK(proofs_.add(key, proof, from, name));
  }
  int tries = 0;
  while (true) {
    const auto directory = make_directory(root_, path.directories);
    // Our own empty hidden directories may be removed at any moment, also on our way down.
    if (!directory && directory.error().code() == Errc::kNotFound && path.hidden() &&
        ++tries < kTries) {
      continue;
    }
    if (!directory) return fail(directory.error());
    if (::renameat(from.get(), name.c_str(), directory->get(), path.name.c_str()) == 0) {
      // Visible from here on: an error below may be the truth of the disk or not.
      const Result<Ok> synced = sync_directory(*directory);
      if (!synced) return fail(Errc::kOutcomeUnknown, synced.error().detail());
      break;
    }
    const int error = errno;
    if (error == ENOENT && path.hidden() && ++tries < kTries) continue;
    if (error == EISDIR || error == ENOTEMPTY || error == EEXIST) {
      return fail(Errc::kRejected,
                  "\"" + path.name + "\" is a directory, so no object can replace it");
    }
    return fail(error_of(error, "rename to the object's name"));
  }
  if (proved) proofs_.drop_gone(key);
  return Ok{};
}

Result<Ok> Tree::write_temporary(const std::string& unique, const Payload& payload, Fd* file,
                                 wire::Checksum* declared) {
  SLUICE_TRY(*file, open_in(tmp_, unique, O_RDWR | O_CREAT | O_EXCL, 0666));
  SLUICE_TRY(const Sums sums, write_payload(root_, payload, *file, 0));
  *declared = sums.declared;
  return sync_data(*file);
}

Result<ObjectInfo> Tree::put_object(const ObjectSpec& spec, const Payload& payload,
                                    const std::string& unique) {
  SLUICE_TRY(const KeyPath path, parse_key(spec.key));
  const Proof proof{spec.token, unique, spec.owner};
  SLUICE_TRY_OK(Proofs::check(proof));
  SLUICE_TRY_OK(check_room(root_, path));
  Fd file;
  wire::Checksum declared;
  Result<Ok> done = write_temporary(unique, payload, &file, &declared);
  struct stat info {};
  if (done && ::fstat(file.get(), &info) != 0) done = fail(error_of(errno, "stat"));
  if (done) done = publish(spec.key, path, proof, tmp_, unique);
  if (!done) {
    if (done.error().code() != Errc::kOutcomeUnknown) {
      ::unlinkat(tmp_.get(), unique.c_str(), 0);
      proofs_.drop(spec.key, proof);
    }
    return fail(done.error());
  }
  ObjectInfo object;
  object.size = payload.size();
  object.etag = etag_of(info);
  object.token = spec.token;
  object.checksum = declared;
  return object;
}

Result<ObjectInfo> Tree::stat(const ObjectKey& key) {
  const auto path = parse_key(key);
  if (!path) return fail(Errc::kNotFound, "no such object");
  SLUICE_TRY(const Fd directory, open_directory(root_, path->directories));
  struct stat info {};
  if (::fstatat(directory.get(), path->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(error_of(errno, "stat"));
  }
  if (!S_ISREG(info.st_mode)) return fail(Errc::kNotFound, "no such object");
  ObjectInfo object;
  object.size = ByteCount(static_cast<std::uint64_t>(info.st_size));
  object.etag = etag_of(info);
  object.token = proofs_.find(key, info.st_ino);
  return object;
}

Result<Bytes> Tree::get(const ObjectKey& key, ByteRange range) {
  SLUICE_TRY(const Fd file, open_object(root_, key));
  std::string text(range.size().value(), '\0');
  SLUICE_TRY(const std::size_t n,
             read_at(file, std::as_writable_bytes(std::span(text)), range.begin().value()));
  if (n < text.size()) return fail(Errc::kCorrupt, "the object is shorter than the range");
  return Bytes::copy_of(text);
}

Result<Ok> Tree::remove(const ObjectKey& key) {
  const auto path = parse_key(key);
  if (!path) return Ok{};  // no such object can be
  const auto directory = open_directory(root_, path->directories);
  if (!directory) {
    if (directory.error().code() == Errc::kNotFound) return Ok{};
    return fail(directory.error());
  }
  if (::unlinkat(directory->get(), path->name.c_str(), 0) != 0) {
    const int error = errno;
    // Nothing there, or a directory, which is no object.
    if (error == ENOENT || error == EISDIR) return Ok{};
    return fail(error_of(error, "remove"));
  }
  if (!path->parked()) proofs_.drop_gone(key);
  if (path->hidden()) {
    // Our own directories go when they are empty, from the innermost to the outermost.
    std::vector<std::string> above = path->directories;
    while (above.size() > 1) {
      const std::string last = above.back();
      above.pop_back();
      const auto parent = open_directory(root_, above);
      if (!parent || ::unlinkat(parent->get(), last.c_str(), AT_REMOVEDIR) != 0) break;
    }
  }
  return Ok{};
}

Result<Ok> Tree::settle(const ObjectSpec& spec) {
  proofs_.settle(spec.key, spec.token);
  return Ok{};
}

Result<std::vector<UploadId>> Tree::list_unsettled() {
  return proofs_.owners();
}

Result<Ok> Tree::probe(const std::string& unique) {
  return try_links(tmp_, unique);
}

}  // namespace sluice::stores::local
