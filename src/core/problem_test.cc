#include "core/problem.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace sluice::core {
namespace {

// docs/errors.md as it must be.
std::string errors_page() {
  std::ostringstream out;
  out << "# Errors\n\n"
         "Every refusal is an `application/problem+json` document (RFC 9457):\n\n"
         "| member | meaning |\n"
         "|---|---|\n"
         "| `type` | one of the types below; compare it as text, it is stable and not meant to be "
         "fetched |\n"
         "| `title` | the sentence below |\n"
         "| `status` | the HTTP status |\n"
         "| `detail` | what is wrong with this request, if there is more to say |\n"
         "| `mend` | what to do, as below |\n"
         "| `instance` | the request's id, as it stands in the log |\n\n"
         "A `Range` field of the answer, if there is one, says what is stored. Statuses 429 and "
         "503 "
         "carry `Retry-After`\nin seconds. Answers to `HEAD` have the same status and fields and "
         "no "
         "document.\n\n"
         "A status that the application chose itself (400 to 499 from its authorization answer) is "
         "passed on with the\napplication's own body, not with one of these documents.\n\n"
         "| type | status | when | mend |\n"
         "|---|---|---|---|\n";
  for (const ProblemEntry& entry : problem_catalogue()) {
    out << "| `" << problem_type_uri(entry) << "` | " << entry.status << " | " << entry.title
        << " | " << entry.mend << " |\n";
  }
  out << "\nThis page is written by the unit test of the catalogue in `src/core/problem.cc`.\n";
  return out.str();
}

TEST(Problem, CatalogueIsInEnumOrderWithUniqueSlugs) {
  std::set<std::string_view> slugs;
  std::size_t index = 0;
  for (const ProblemEntry& entry : problem_catalogue()) {
    EXPECT_EQ(static_cast<std::size_t>(entry.type), index++) << entry.slug;
    EXPECT_EQ(&problem_entry(entry.type), &entry);
    EXPECT_TRUE(slugs.insert(entry.slug).second) << entry.slug;
    EXPECT_TRUE(std::all_of(entry.slug.begin(), entry.slug.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || c == '-';
    })) << entry.slug;
    EXPECT_TRUE(entry.status >= 400 && entry.status <= 599) << entry.slug;
    // One sentence: the only full stop is the last character.
    EXPECT_EQ(entry.title.find('.'), entry.title.size() - 1) << entry.slug;
    EXPECT_TRUE(entry.mend.ends_with('.')) << entry.slug;
    EXPECT_EQ(entry.mend.find('|'), std::string_view::npos) << "would break the table of the docs";
  }
  EXPECT_EQ(index, static_cast<std::size_t>(ProblemType::kHttpVersion) + 1);
}

// Clients compare types: a slug or status of a published problem never changes.
TEST(Problem, PublishedTypesStay) {
  const struct {
    ProblemType type;
    std::string_view slug;
    int status;
  } rows[] = {
      {ProblemType::kMalformedRequest, "malformed-request", 400},
      {ProblemType::kMalformedContentRange, "malformed-content-range", 400},
      {ProblemType::kLengthMismatch, "length-mismatch", 400},
      {ProblemType::kTotalMismatch, "total-mismatch", 400},
      {ProblemType::kBadName, "bad-name", 400},
      {ProblemType::kBodyTooLong, "body-too-long", 400},
      {ProblemType::kUnauthorized, "unauthorized", 401},
      {ProblemType::kForbidden, "forbidden", 403},
      {ProblemType::kUploadNotFound, "upload-not-found", 404},
      {ProblemType::kNoSuchResource, "no-such-resource", 404},
      {ProblemType::kMethodNotAllowed, "method-not-allowed", 405},
      {ProblemType::kRequestTimeout, "request-timeout", 408},
      {ProblemType::kTakenOver, "taken-over", 409},
      {ProblemType::kOffsetMismatch, "offset-mismatch", 409},
      {ProblemType::kAlreadyComplete, "already-complete", 409},
      {ProblemType::kUploadGone, "upload-gone", 410},
      {ProblemType::kLengthRequired, "length-required", 411},
      {ProblemType::kPreconditionFailed, "precondition-failed", 412},
      {ProblemType::kTooLarge, "too-large", 413},
      {ProblemType::kTargetTooLong, "target-too-long", 414},
      {ProblemType::kUnsupportedMediaType, "unsupported-media-type", 415},
      {ProblemType::kExpectationFailed, "expectation-failed", 417},
      {ProblemType::kTooManyRequests, "too-many-requests", 429},
      {ProblemType::kHeadersTooLarge, "headers-too-large", 431},
      {ProblemType::kInternal, "internal", 500},
      {ProblemType::kNotImplemented, "not-implemented", 501},
      {ProblemType::kUploadFailed, "upload-failed", 502},
      {ProblemType::kStoreUnavailable, "store-unavailable", 503},
      {ProblemType::kApplicationUnavailable, "application-unavailable", 503},
      {ProblemType::kOverloaded, "overloaded", 503},
      {ProblemType::kDraining, "draining", 503},
      {ProblemType::kCompleting, "completing", 503},
      {ProblemType::kHttpVersion, "http-version", 505},
  };
  EXPECT_EQ(std::size(rows), problem_catalogue().size());
  for (const auto& row : rows) {
    EXPECT_EQ(problem_entry(row.type).slug, row.slug);
    EXPECT_EQ(problem_entry(row.type).status, row.status) << row.slug;
  }
}

TEST(Problem, JsonHasTypeTitleStatusDetailMendInstance) {
  const Problem problem(ProblemType::kTooLarge, "said \"6 GiB\",\nthe limit is 5 GiB");
  const boost::json::value parsed = boost::json::parse(problem_json(problem, "req-17"));
  const boost::json::object& body = parsed.as_object();
  EXPECT_EQ(body.size(), 6U);
  EXPECT_EQ(body.at("type").as_string(), "/problems/too-large");
  EXPECT_EQ(body.at("title").as_string(), "The object is larger than the limit.");
  EXPECT_EQ(body.at("status").as_int64(), 413);
  EXPECT_EQ(body.at("detail").as_string(), "said \"6 GiB\",\nthe limit is 5 GiB");
  EXPECT_EQ(body.at("mend").as_string(), problem_entry(ProblemType::kTooLarge).mend);
  EXPECT_EQ(body.at("instance").as_string(), "req-17");
}

TEST(Problem, JsonLeavesOutWhatIsNotThereAndSurvivesAnyBytes) {
  const auto none = boost::json::parse(problem_json(Problem(ProblemType::kInternal), ""));
  EXPECT_FALSE(none.as_object().contains("detail"));
  EXPECT_FALSE(none.as_object().contains("instance"));
  const auto bad =
      boost::json::parse(problem_json(Problem(ProblemType::kBadName, "x\xff\x01y"), ""));
  EXPECT_EQ(bad.as_object().at("detail").as_string(), "x?\x01y");
}

// Goal: the page for users never disagrees with the program.
TEST(Problem, ErrorsPageIsCurrent) {
  const std::string path = std::string(SLUICE_SOURCE_DIR) + "/docs/errors.md";
  if (const char* update = std::getenv("SLUICE_UPDATE_DOCS"); update && *update == '1') {
    std::ofstream(path, std::ios::binary) << errors_page();
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream found;
  found << file.rdbuf();
  EXPECT_EQ(found.str(), errors_page())
      << "docs/errors.md is not current: run core_test with SLUICE_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace sluice::core
