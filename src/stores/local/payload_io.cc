#include "stores/local/payload_io.h"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "stores/local/key_path.h"

namespace sluice::stores::local {

namespace {

constexpr std::size_t kWindowBytes = 256U << 10;

using Sink = std::function<Result<Ok>(std::span<const std::byte>)>;

Result<Ok> read_stored(const Fd& root, const StoredPiece& piece, const Sink& sink) {
  Result<Fd> file = open_object(root, piece.key);
  // Not kNotFound: that would be read as "the multipart upload is gone".
  if (!file) return fail(Errc::kCorrupt, "a parked piece is missing: " + piece.key.str());
  const std::uint64_t size = piece.length.value();
  std::vector<std::byte> window(std::min<std::uint64_t>(size, kWindowBytes));
  for (std::uint64_t done = 0; done < size;) {
    const std::size_t want = std::min<std::uint64_t>(size - done, window.size());
    const auto into = std::span(window).first(want);
    SLUICE_TRY(const std::size_t n, read_at(*file, into, piece.begin.value() + done));
    if (n < want) return fail(Errc::kCorrupt, "a parked piece is short: " + piece.key.str());
    SLUICE_TRY_OK(sink(into));
    done += n;
  }
  return Ok{};
}

Result<Sums> pass(const Fd& root, const Payload& payload, const Sink& sink) {
  constexpr auto kOurs = wire::ChecksumKind::kCrc32c;
  const std::optional<wire::Checksum> declared = payload.checksum();
  const bool other_kind = declared && declared->kind() != kOurs;
  Sums sums{wire::Checksum::of_nothing(kOurs),
            wire::Checksum::of_nothing(declared ? declared->kind() : kOurs)};
  const Sink counting = [&sums, &sink, other_kind](std::span<const std::byte> bytes) -> Result<Ok> {
    sums.crc32c = sums.crc32c.extended(bytes);
    if (other_kind) sums.declared = sums.declared.extended(bytes);
    return sink(bytes);
  };
  for (const Payload::Piece& piece : payload.pieces()) {
    if (const auto* resident = std::get_if<Bytes>(&piece)) {
      for (const Slice& slice : resident->slices()) {
        SLUICE_TRY_OK(counting(slice.span()));
      }
    } else {
      SLUICE_TRY_OK(read_stored(root, std::get<StoredPiece>(piece), counting));
    }
  }
  if (!other_kind) sums.declared = sums.crc32c;
  if (declared && sums.declared != *declared) {
    return fail(Errc::kCorrupt, "the checksum does not fit the bytes");
  }
  return sums;
}

}  // namespace

Result<Sums> sum_payload(const Fd& root, const Payload& payload) {
  return pass(root, payload, [](std::span<const std::byte>) -> Result<Ok> { return Ok{}; });
}

Result<Sums> write_payload(const Fd& root, const Payload& payload, const Fd& file,
                           std::uint64_t at) {
  return pass(root, payload, [&file, &at](std::span<const std::byte> bytes) -> Result<Ok> {
    SLUICE_TRY_OK(write_at(file, bytes, at));
    at += bytes.size();
    return Ok{};
  });
}

Result<Fd> open_object(const Fd& root, const ObjectKey& key) {
  const auto path = parse_key(key);
  if (!path) return fail(Errc::kNotFound, "no such object");
  SLUICE_TRY(const Fd directory, open_directory(root, path->directories));
  // O_NONBLOCK: a pipe of that name must not hold us up.
  Fd file(::openat(directory.get(), path->name.c_str(),
                   O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) {
    const int error = errno;
    if (error == ELOOP || error == ENOTDIR) return fail(Errc::kNotFound, "no such object");
    return fail(error_of(error, "open object"));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return fail(Errc::kNotFound, "no such object");
  }
  return file;
}

}  // namespace sluice::stores::local
