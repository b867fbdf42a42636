// Checker: the promises of the gateway (G1-G9), looked at from outside at every effect and every
// answer. It knows what each upload's bytes should be, and reads bucket and database directly.
//
//   acknowledged offsets never go down, and their bytes lie in the bucket        G1
//   a part number keeps its range, saved before bytes are sent                   G2
//   nothing that the database refers to is removed                               G3
//   no completion before "completing" is recorded; success only with an object   G4
//   an upload is not given up without a cause                                    G5
//   one completed event, in the transaction of the state                         G6
//   a fenced writer changes nothing                                              G7
//   objects, multipart uploads and parts of others are not touched
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/command.h"
#include "core/range_set.h"
#include "ports/object_store.h"
#include "ports/state_db.h"
#include "sim/outside.h"

namespace sluice::sim {

// What a client wants to be stored. `id` travels in the upload's metadata.
struct File {
  File() = default;
  std::uint64_t id = 0;
  std::string name;
  std::string content;
};

// One request, as the checker remembers it from its beginning to its answer.
struct Asked {
  Asked() = default;
  std::string name;
  UploadId upload;          // the name's current one when the request began; empty: none
  core::RangeSet acknowledged;  // of that upload, until then
};

class Checker {
 public:
  explicit Checker(Outside* outside) : outside_(outside) {}

  void add_file(const File* file) { files_[file->id] = file; }
  void add_foreign(std::string key, std::string bytes);

  // --- effects in the bucket
  void object_put(const ObjectSpec& spec, Instant issued);
  void object_removed(const ObjectKey& key);
  void multipart_created(const ObjectSpec& spec, const MultipartId& multipart);
  void part_sent(const PartTarget& target);
  void part_put(const PartTarget& target, const ETag& etag);
  void completion_asked(const Completion& completion);
  void object_completed(const Completion& completion);
  void multipart_aborted(const MultipartId& multipart);
  // Somebody else, a lifecycle rule for example, has aborted it.
  void multipart_lost(const MultipartId& multipart);

  // --- effects in the database
  void upload_created(const UploadRow& row, FenceToken token);
  void claimed(const UploadId& id, FenceToken token);
  void committed(const Mutation& mutation);

  // --- answers
  Asked asked(const std::string& name);
  void answered(const Asked& asked, const core::Outcome& outcome);

  // --- the end: everything is quiet, and the sweeper has been there
  void check_end();

 private:
  struct Track {
    UploadId id;
    UploadToken token;
    ObjectKey key;
    std::string name;
    const File* file = nullptr;
    FenceToken latest = 0;
    ByteOffset durable;        // most that was ever recorded
    core::RangeSet acknowledged;  // all that was ever said
    bool lost = false;         // a multipart upload was taken away by somebody else
    bool overwritten = false;  // a late request changed the ETag of a recorded part
    std::map<PartNumber, ByteRange> bound;
    std::uint32_t objects_completed = 0;
    std::optional<Instant> complete_at;
  };

  Track* by_token(const UploadToken& token);
  Track* by_multipart(const MultipartId& multipart);
  Track* by_id(const UploadId& id);
  std::optional<UploadRow> row_of(const UploadId& id);
  void check_change(Track* track, const Mutation& mutation, const Change& change);
  void note_other_etag(Track* track, const PartRow& part);
  void check_part(const Track& track, const UploadRow& row, const PartRow& part);
  void check_parked(const Track& track, const ParkedRow& parked);
  void check_durable(const Track& track, const UploadRow& row);
  void check_whole(const Track& track, const char* when);
  void check_refusal(const Asked& asked, const core::Refused& refused);
  // `said` begins with the run from 0; `all` if it is the whole map of what is durable.
  void check_said(const Asked& asked, const core::RangeSet& said, bool all);
  void check_success(const Asked& asked, const core::Complete& complete);
  bool may_fail(const Track& track) const;
  void fail(const std::string& what, const Track& track);

  Outside* const outside_;
  std::map<std::uint64_t, const File*> files_;
  std::map<std::string, std::string> foreign_;
  std::map<UploadId, Track> tracks_;
  std::map<UploadToken, UploadId> tokens_;
  std::map<MultipartId, UploadId> multiparts_;
};

}  // namespace sluice::sim
