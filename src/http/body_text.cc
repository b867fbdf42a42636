#include "http/body_text.h"

#include "base/units.h"

namespace sluice::http {

Task<Result<std::string>> text_of(engine::BodySource* body, std::size_t max, std::string what) {
  constexpr ByteCount kBatch{64U << 10};
  std::string out;
  while (true) {
    const auto got = co_await body->read(kBatch);
    if (!got) co_return fail(got.error());
    if (got->empty()) co_return out;
    if (got->size().value() > max - out.size()) {
      co_return fail(Errc::kTooLarge, what + " is too long");
    }
    out += got->to_string();
  }
}

}  // namespace sluice::http
