// Proofs: which upload an object is of (G5, ruling 7). A file cannot carry an upload's token, so a
// hard link to it is kept at done/<hash of key>/<token>@<attempt> from before the file becomes
// visible until the state database has recorded the completion. An object is an upload's if the two
// names are one inode; no crash and no later upload of the same name can make that untrue.
#pragma once

#include <string>

#include <sys/types.h>

#include "base/ids.h"
#include "base/result.h"
#include "stores/local/fd.h"

namespace sluice::stores::local {

class Proofs {
 public:
  Proofs() = default;
  explicit Proofs(Fd directory) : directory_(std::move(directory)) {}

  // kRejected: the token cannot be a file name. Nothing to do for an empty token.
  static Result<Ok> check(const UploadToken& token);

  // Links directory/name as the proof of (key, token). Repeating is safe. Durable when it answers.
  Result<Ok> add(const ObjectKey& key, const UploadToken& token, const std::string& attempt,
                 const Fd& directory, const std::string& name) const;
  // The token of the file that is now visible under the key; empty if there is none.
  UploadToken find(const ObjectKey& key, ino_t inode) const;
  // The proofs of the key whose files have no other name any more: objects that were replaced or
  // removed. A file that is about to become visible still has its hidden name.
  void drop_gone(const ObjectKey& key) const;
  void drop(const ObjectKey& key, const UploadToken& token, const std::string& attempt) const;
  void settle(const ObjectKey& key, const UploadToken& token) const;
  // Proofs of files that are gone, and which nobody settled for this long, keep their bytes on the
  // disk: remove them.
  void tidy(time_t older_than) const;

 private:
  Fd directory_;
};

}  // namespace sluice::stores::local
