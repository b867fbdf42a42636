#include "stores/local/proofs.h"

#include <array>
#include <cerrno>
#include <functional>
#include <set>
#include <span>

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "stores/local/directory.h"
#include "stores/local/key_path.h"

namespace sluice::stores::local {

namespace {

// Any key as a short file name.
std::string hash_of(const ObjectKey& key) {
  std::array<std::byte, 32> digest{};
  unsigned size = 0;
  ::EVP_Digest(key.str().data(), key.str().size(), reinterpret_cast<unsigned char*>(digest.data()),
               &size, ::EVP_sha256(), nullptr);
  return hex(std::span(digest).first(16));
}

// '@' never appears in the encoded token.
std::string prefix_of(const UploadToken& token) {
  return percent_encode(token.str(), false) + "@";
}

UploadToken token_of(const std::string& name) {
  const std::size_t at = name.find('@');
  if (at == std::string::npos) return UploadToken();
  return UploadToken(percent_decode(name.substr(0, at)).value_or(""));
}

std::string name_of(const Proof& proof) {
  return prefix_of(proof.token) + proof.attempt + "@" + percent_encode(proof.owner.str(), false);
}

UploadId owner_of(const std::string& name) {
  const std::size_t at = name.rfind('@');
  if (at == std::string::npos) return UploadId();
  return UploadId(percent_decode(name.substr(at + 1)).value_or(""));
}

// Removes the proofs of one key for which `wanted` says so, and their directory if it is empty
// then.
void remove_if(const Fd& done, const std::string& hash,
               const std::function<bool(const std::string&, const struct stat&)>& wanted) {
  {
    const auto directory = open_in(done, hash, O_RDONLY | O_DIRECTORY);
    if (!directory) return;
    const auto names = names_in(*directory);
    if (!names) return;
    for (const std::string& name : *names) {
      struct stat info {};
      if (stat_in(*directory, name, &info) && wanted(name, info)) {
        ::unlinkat(directory->get(), name.c_str(), 0);
      }
    }
  }
  ::unlinkat(done.get(), hash.c_str(), AT_REMOVEDIR);
}

}  // namespace

Result<Ok> Proofs::check(const Proof& proof) {
  if (name_of(proof).size() > kNameBytesMax) {
    return fail(Errc::kRejected, "the upload's token is too long");
  }
  return Ok{};
}

Result<Ok> Proofs::add(const ObjectKey& key, const Proof& proof, const Fd& directory,
                       const std::string& name) const {
  if (proof.token.empty()) return Ok{};
  const std::string hash = hash_of(key);
  const std::string link = name_of(proof);
  // Somebody who settles at this moment may remove the empty directory between our two steps.
  for (int tries = 0; tries < 100; ++tries) {
    const auto place = make_directory(directory_, {hash});
    if (!place && place.error().code() == Errc::kNotFound) continue;
    if (!place) return fail(place.error());
    const int linked = ::linkat(directory.get(), name.c_str(), place->get(), link.c_str(), 0);
    // Already there: the same attempt made it before a crash, of the same file.
    if (linked == 0 || errno == EEXIST) return sync_directory(*place);
    if (errno != ENOENT) return fail(error_of(errno, "link"));
  }
  return fail(Errc::kUnavailable, "the proof of completion could not be linked");
}

UploadToken Proofs::find(const ObjectKey& key, ino_t inode) const {
  const auto directory = open_in(directory_, hash_of(key), O_RDONLY | O_DIRECTORY);
  if (!directory) return UploadToken();
  const auto names = names_in(*directory);
  if (!names) return UploadToken();
  for (const std::string& name : *names) {
    struct stat info {};
    if (stat_in(*directory, name, &info) && info.st_ino == inode) return token_of(name);
  }
  return UploadToken();
}

void Proofs::drop_gone(const ObjectKey& key) const {
  remove_if(directory_, hash_of(key),
            [](const std::string&, const struct stat& info) { return info.st_nlink == 1; });
}

void Proofs::drop(const ObjectKey& key, const Proof& proof) const {
  const std::string link = name_of(proof);
  remove_if(directory_, hash_of(key),
            [&link](const std::string& name, const struct stat&) { return name == link; });
}

void Proofs::settle(const ObjectKey& key, const UploadToken& token) const {
  const std::string prefix = prefix_of(token);
  remove_if(directory_, hash_of(key), [&prefix](const std::string& name, const struct stat&) {
    return name.compare(0, prefix.size(), prefix) == 0;
  });
}

Result<std::vector<UploadId>> Proofs::owners() const {
  std::set<UploadId> owners;
  SLUICE_TRY(const std::vector<std::string> hashes, names_in(directory_));
  for (const std::string& hash : hashes) {
    const auto directory = open_in(directory_, hash, O_RDONLY | O_DIRECTORY);
    const auto names = directory ? names_in(*directory) : std::vector<std::string>();
    if (!names) continue;  // settled meanwhile
    for (const std::string& name : *names) owners.insert(owner_of(name));
  }
  owners.erase(UploadId());
  return std::vector<UploadId>(owners.begin(), owners.end());
}

void Proofs::tidy(time_t older_than) const {
  const auto hashes = names_in(directory_);
  if (!hashes) return;
  for (const std::string& hash : *hashes) {
    remove_if(directory_, hash, [older_than](const std::string&, const struct stat& info) {
      return info.st_nlink == 1 && info.st_ctime < older_than;
    });
  }
}

}  // namespace sluice::stores::local
