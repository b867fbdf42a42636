// Proofs: which upload an object is of (G5, ruling 7). A file cannot carry an upload's token, so a
// hard link to it is kept at done/<hash of key>/<token>@<attempt>@<owner> from before the file
// becomes visible until the state database has recorded the completion. An object is an upload's if
// the two names are one inode; no crash and no later upload of the same name can make that untrue.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/ids.h"
#include "base/result.h"
#include "stores/local/fd.h"

namespace sluice::stores::local {

struct Proof {
  UploadToken token;    // empty: no proof is wanted
  std::string attempt;  // one of possibly several with the same token; lower-case hexadecimal
  UploadId owner;       // may be empty
};

class Proofs {
 public:
  Proofs() = default;
  explicit Proofs(Fd directory) : directory_(std::move(directory)) {}

  // kRejected: it cannot be a file name.
  static Result<Ok> check(const Proof& proof);

  // Links directory/name as a proof of the key. Repeating is safe. Durable when it answers.
  Result<Ok> add(const ObjectKey& key, const Proof& proof, const Fd& directory,
                 const std::string& name) const;
  // The token of the file that is now visible under the key; empty if there is none.
  UploadToken find(const ObjectKey& key, ino_t inode) const;
  // The proofs of the key whose files have no other name any more: objects that were replaced or
  // removed. A file that is about to become visible still has its hidden name.
  void drop_gone(const ObjectKey& key) const;
  void drop(const ObjectKey& key, const Proof& proof) const;
  void settle(const ObjectKey& key, const UploadToken& token) const;
  // Whose proofs are there, each once.
  Result<std::vector<UploadId>> owners() const;
  // Proofs of files that are gone, and which nobody settled for this long, keep their bytes on the
  // disk: remove them.
  void tidy(time_t older_than) const;

 private:
  Fd directory_;
};

}  // namespace sluice::stores::local
