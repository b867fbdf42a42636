// LocalFiles: the blocking half of the directory store, one method per store call. Thread-safe.
// Layout and errors: local_store.h, file_tree.h.
#pragma once

#include <string>
#include <vector>

#include "ports/object_store.h"
#include "stores/local/file_tree.h"

namespace sluice::stores {

class LocalFiles {
 public:
  static Result<LocalFiles> open(const std::string& directory);

  // `scratch`: a name nobody else uses.
  Result<ObjectInfo> put_object(const ObjectSpec& spec, const Payload& payload,
                                const std::string& scratch) const;
  Result<ObjectInfo> stat(const ObjectKey& key) const;
  Result<Bytes> get(const ObjectKey& key, ByteRange range) const;
  Result<Ok> remove(const ObjectKey& key) const;
  Result<MultipartId> create_multipart(const ObjectSpec& spec, const std::string& id) const;
  Result<PartReceipt> put_part(const PartTarget& target, const Payload& payload) const;
  Result<ObjectInfo> complete(const Completion& completion) const;
  Result<Ok> abort(const MultipartId& multipart) const;
  Result<std::vector<ListedPart>> list_parts(const ObjectKey& key,
                                             const MultipartId& multipart) const;
  std::vector<ListedMultipart> list_multiparts(const std::string& prefix) const;
  std::vector<ListedObject> list_objects(const std::string& prefix) const;
  Result<Ok> settle(const ObjectSpec& spec) const;
  Result<Ok> probe(const std::string& scratch) const;

 private:
  struct Meta {
    std::string key;
    std::string token;
  };
  struct Journal {
    struct Part {
      std::uint32_t number = 0;
      std::uint64_t begin = 0;
      std::uint64_t size = 0;
      std::string etag;
    };
    std::vector<Part> parts;  // ascending by number; a later line replaces an earlier one
  };

  explicit LocalFiles(FileTree tree) : tree_(std::move(tree)) {}
  Result<wire::Checksum> write(const File& file, const Payload& payload, std::uint64_t at) const;
  Result<Meta> read_meta(const MultipartId& multipart) const;
  Result<Journal> read_journal(const ObjectKey& key, const MultipartId& multipart) const;
  Result<Ok> prove(const std::string& from, const ObjectSpec& spec) const;
  ObjectInfo object_info(const FileInfo& file) const;

  FileTree tree_;
};

}  // namespace sluice::stores
