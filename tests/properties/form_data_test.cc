// The streaming multipart parser against the plainest reader there is: one that has the whole body
// in a string and looks for boundaries with find().
#include "wire/form_data.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace sluice::wire {
namespace {

constexpr std::string_view kHead = "Content-Disposition: form-data; name=f; filename=x\r\n\r\n";

using Parts = std::vector<std::string>;

// nullopt: the body is malformed or not at its end.
std::optional<Parts> by_find(std::string text, const std::string& boundary) {
  text.insert(0, "\r\n");
  const std::string delimiter = "\r\n--" + boundary;
  Parts out;
  std::size_t at = text.find(delimiter);
  while (at != std::string::npos) {
    at += delimiter.size();
    if (text.compare(at, 2, "--") == 0) return out;
    if (text.compare(at, 2, "\r\n") != 0) return std::nullopt;
    at += 2;
    if (text.compare(at, kHead.size(), kHead) != 0) return std::nullopt;
    at += kHead.size();
    const std::size_t end = text.find(delimiter, at);
    if (end == std::string::npos) return std::nullopt;
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return std::nullopt;
}

std::optional<Parts> by_parser(const std::string& text, const std::string& boundary,
                               const std::vector<std::size_t>& pieces) {
  FormParser parser(Multipart{MultipartKind::kFormData, boundary});
  Parts out;
  std::string part;
  std::size_t at = 0;
  for (std::size_t i = 0; at < text.size(); ++i) {
    const std::size_t n = i < pieces.size() ? pieces[i] : text.size();
    std::string_view input = std::string_view(text).substr(at, n);
    at += input.size();
    while (true) {
      const auto step = parser.next(input);
      if (!step) return std::nullopt;
      if (step->what == FormParser::What::kData) {
        part += step->held;
        part += input.substr(0, step->data);
      }
      if (step->what == FormParser::What::kPartEnd) out.push_back(std::exchange(part, {}));
      input.remove_prefix(step->used);
      if (step->what == FormParser::What::kMore) break;
    }
  }
  if (!parser.finished()) return std::nullopt;
  return out;
}

// Text that is nearly a boundary, again and again.
rc::Gen<std::string> nearly() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
                          "\r", "\n", "\r\n", "-", "--", "\r\n--", "\r\n--ab", "a", "b", "ab",
                          std::string(1, '\0'), "xyz")),
                      [](const std::vector<std::string>& words) {
                        std::string out;
                        for (const std::string& word : words) out += word;
                        return out;
                      });
}

RC_GTEST_PROP(FormParserProperties, GivesBackWhatWasPutIn, ()) {
  const std::string boundary = *rc::gen::element<std::string>("a", "ab", "abb", "ab-ab");
  const Parts parts = *rc::gen::container<Parts>(nearly());
  std::string text;
  for (const std::string& part : parts) {
    RC_PRE(part.find("\r\n--" + boundary) == std::string::npos);
    text += "--" + boundary + "\r\n" + std::string(kHead) + part + "\r\n";
  }
  text += "--" + boundary + "--\r\n";
  const auto pieces =
      *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 40));
  const auto got = by_parser(text, boundary, pieces);
  RC_ASSERT(got.has_value());
  RC_ASSERT(*got == parts);
  // Less than the whole is never a whole.
  const auto cut = *rc::gen::inRange<std::size_t>(0, text.size() - 2);
  RC_ASSERT(!by_parser(text.substr(0, cut), boundary, pieces).has_value());
}

RC_GTEST_PROP(FormParserProperties, AgreesWithFind, ()) {
  const std::string boundary = *rc::gen::element<std::string>("a", "ab", "abb");
  std::string text;
  for (const std::string& word : *rc::gen::container<std::vector<std::string>>(nearly())) {
    text += "\r\n--" + boundary;
    text += *rc::gen::element<std::string>("\r\n" + std::string(kHead), "--", "");
    text += word;
  }
  const auto pieces =
      *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 40));
  RC_ASSERT(by_parser(text, boundary, pieces) == by_find(text, boundary));
}

}  // namespace
}  // namespace sluice::wire
