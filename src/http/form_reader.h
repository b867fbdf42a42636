// FormReader: a multipart body taken apart while it arrives. The current part is a body of its own
// for the engine: its clean end is its boundary. A line that is cut before the boundary, or a body
// that ends without the last one, is an error and never an end.
//
//   next_part() ─► part() ─► value(), or read() until empty, or neither ─► next_part() ─► … ─►
//   false
//
// Memory: what the connection received and nobody has read yet, at most one batch. Bytes are not
// copied; those that may begin a boundary are kept until it is known what they are, or until
// let_go(), since what they say can be written again.
//
// Executor: the connection's; interrupt() and let_go() from any thread. One call at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"
#include "base/units.h"
#include "engine/body_source.h"
#include "wire/form_data.h"

namespace sluice::http {

class FormReader final : public engine::BodySource {
 public:
  // `source`: the request's body; outlives the reader.
  FormReader(engine::BodySource* source, Executor executor, wire::Multipart multipart,
             wire::FormLimits limits = {});
  ~FormReader() override;
  FormReader(const FormReader&) = delete;
  FormReader& operator=(const FormReader&) = delete;

  // Goes on to the next part, over whatever is left of this one; false: there is none.
  // Errors: as BodySource::read(), and kTooLarge, kRejected (wire/form_data.h).
  Task<Result<bool>> next_part();
  const wire::FormPart& part() const noexcept { return parser_.part(); }

  // The rest of the current part as text. kTooLarge: more than `max` bytes.
  Task<Result<std::string>> value(std::size_t max);

  // The current part's bytes; empty at its end.
  Task<Result<Bytes>> read(ByteCount max) override;
  void interrupt() noexcept override { source_->interrupt(); }
  void let_go() noexcept override;

  // What was wrong with the body itself, for the client; nullopt: nothing.
  const std::optional<Error>& malformed() const noexcept { return malformed_; }

 private:
  struct Shared {
    FormReader* reader = nullptr;  // on the executor only: while it lives
  };

  Task<Result<wire::FormParser::What>> advance(ByteCount max);
  void keep_withheld(const Slice& slice, std::size_t used);
  void take_data(const Slice& slice, const wire::FormParser::Step& step);
  tl::unexpected<Error> broken(Error error);

  // Constant after construction.
  engine::BodySource* const source_;
  const Executor executor_;
  const std::shared_ptr<Shared> shared_;

  // On the executor.
  wire::FormParser parser_;
  Bytes pending_;   // received, not yet parsed
  Bytes withheld_;  // parsed, perhaps the beginning of a boundary; empty after let_go()
  Bytes ready_;     // of the current part
  bool in_part_ = false;
  bool ended_ = false;
  std::optional<Error> malformed_;
};

}  // namespace sluice::http
