#include "http/rendered.h"

#include <utility>
#include <variant>

#include "core/problem.h"

namespace sluice::http {

std::string_view word_of(const core::Outcome& outcome) {
  struct Word {
    std::string_view operator()(const core::Incomplete&) const { return "incomplete"; }
    std::string_view operator()(const core::Complete&) const { return "complete"; }
    std::string_view operator()(const core::Cancelled&) const { return "cancelled"; }
    std::string_view operator()(const core::Inspected&) const { return "inspected"; }
    std::string_view operator()(const core::Refused& refused) const {
      return core::problem_entry(refused.problem.type).slug;
    }
    std::string_view operator()(const core::ClientGone&) const { return "client-gone"; }
  };
  return std::visit(Word(), outcome);
}

Answer rendered(std::optional<protocols::Response> response, const core::Outcome& outcome) {
  Answer answer;
  if (response) {
    answer.head = std::move(response->head);
    answer.body = std::move(response->body);
    answer.close = response->close;
  } else {
    answer.gone = true;
  }
  answer.end = word_of(outcome);
  return answer;
}

}  // namespace sluice::http
