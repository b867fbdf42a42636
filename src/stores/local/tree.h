// Tree: everything the directory store does to its directory, as plain blocking functions. One per
// directory and process; thread-safe. local_store.cc runs them on its threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ports/object_store.h"
#include "stores/local/fd.h"
#include "stores/local/key_path.h"
#include "stores/local/part_index.h"
#include "stores/local/proofs.h"
#include "stores/local/upload_locks.h"

namespace sluice::stores::local {

inline constexpr std::uint32_t kPartsMax = 10'000;

class Tree {
 public:
  // Opens the directory, makes our hidden ones, and clears away what a crash left behind.
  static Result<std::unique_ptr<Tree>> open(const std::string& directory);

  // `unique`: a fresh random name; lower-case hexadecimal.
  Result<ObjectInfo> put_object(const ObjectSpec& spec, const Payload& payload,
                                const std::string& unique);
  Result<ObjectInfo> stat(const ObjectKey& key);
  Result<Bytes> get(const ObjectKey& key, ByteRange range);
  Result<Ok> remove(const ObjectKey& key);

  Result<MultipartId> create_multipart(const ObjectSpec& spec, const std::string& unique);
  Result<PartReceipt> put_part(const PartTarget& target, const Payload& payload);
  Result<ObjectInfo> complete(const Completion& completion);
  Result<Ok> abort(const ObjectKey& key, const MultipartId& multipart);
  Result<std::vector<ListedPart>> list_parts(const ObjectKey& key, const MultipartId& multipart);

  Result<std::vector<ListedMultipart>> list_multiparts(const std::string& prefix);
  Result<std::vector<ListedObject>> list_objects(const std::string& prefix);

  Result<Ok> settle(const ObjectSpec& spec);
  Result<std::vector<UploadId>> list_unsettled();
  Result<Ok> probe(const std::string& unique);

 private:
  // An unfinished upload's own directory.
  struct Upload {
    Fd directory;
    ObjectKey key;
    UploadToken token;
    UploadId owner;
    WallTime initiated;
  };

  Tree() = default;
  void clear_tmp();

  // kNotFound: no such upload, or it belongs to another key.
  Result<Upload> open_upload(const std::string& id);
  Result<Upload> open_upload(const ObjectKey& key, const MultipartId& multipart);
  void remove_upload(const std::string& id);

  // Gives a finished file its visible name. Everything is durable when it answers.
  Result<Ok> publish(const ObjectKey& key, const KeyPath& path, const Proof& proof, const Fd& from,
                     const std::string& name);
  Result<Ok> write_temporary(const std::string& unique, const Payload& payload, Fd* file,
                             wire::Checksum* declared);
  Result<Ok> check_completion(const Completion& completion, const std::vector<PartRecord>& parts,
                              const Fd& data);

  Fd root_;
  Fd uploads_;
  Fd tmp_;
  Proofs proofs_;
  UploadLocks locks_;
};

}  // namespace sluice::stores::local
