#include "http/answer.h"

#include <string>
#include <utility>

namespace sluice::http {

Answer problem_answer(const core::Problem& problem, const std::string& request_id) {
  const core::ProblemEntry& entry = core::problem_entry(problem.type);
  Answer answer;
  answer.head.status = entry.status;
  answer.head.headers.add("Content-Type", "application/problem+json");
  answer.head.headers.add("Cache-Control", "no-store");
  if (problem.retry_after_s) {
    answer.head.headers.add("Retry-After", std::to_string(*problem.retry_after_s));
  }
  answer.body = core::problem_json(problem, request_id);
  answer.end = entry.slug;
  return answer;
}

Answer text_answer(int status, std::string text) {
  Answer answer;
  answer.head.status = status;
  answer.head.headers.add("Content-Type", "text/plain; charset=utf-8");
  answer.head.headers.add("Cache-Control", "no-store");
  answer.body = std::move(text);
  return answer;
}

}  // namespace sluice::http
