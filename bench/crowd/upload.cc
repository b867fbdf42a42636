#include "crowd/upload.h"

#include <algorithm>
#include <charconv>

namespace sluice::crowd {

namespace {

// The value of a header field; empty if it is not there. `head` ends with its last line.
std::string_view field(std::string_view head, std::string_view name) {
  const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    const std::size_t colon = line.find(':');
    if (colon != name.size() || !std::equal(name.begin(), name.end(), line.begin(), same)) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  }
  return {};
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Answer parse_answer(std::string_view buffer) {
  Answer answer;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = buffer.find("\r\n\r\n", begin);
    if (end == std::string_view::npos) return answer;
    const std::string_view head = buffer.substr(begin, end + 2 - begin);
    const int status = head.size() < 12 ? 0 : static_cast<int>(number(head.substr(9, 3)));
    begin = end + 4;
    if (status >= 100 && status < 200) continue;
    const auto body = static_cast<std::size_t>(number(field(head, "content-length")));
    if (buffer.size() < begin + body) return answer;
    answer.status = status;
    const std::string_view range = field(head, "range");  // bytes=0-LAST
    if (range.starts_with("bytes=0-")) answer.stored = number(range.substr(8)) + 1;
    answer.consumed = begin + body;
    return answer;
  }
}

std::string Upload::next_head() {
  const std::string total = std::to_string(size_);
  if (tus_) {
    if (position_ < reached_) sent_twice_ += reached_ - position_;
    const std::size_t slash = target_.rfind('/');
    return "POST " + target_.substr(0, slash) +
           " HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nContent-Length: " + total +
           "\r\nUpload-Length: " + total +
           "\r\nContent-Type: application/offset+octet-stream\r\nX-Bench-Name: " +
           target_.substr(slash + 1) + "\r\n\r\n";
  }
  std::string head = "PUT " + target_ + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  if (asking_) {
    return head + "Content-Length: 0\r\nContent-Range: bytes */" + total + "\r\n\r\n";
  }
  if (position_ < reached_) sent_twice_ += reached_ - position_;
  head += "Content-Length: " + std::to_string(size_ - position_) + "\r\n";
  if (resumable_) {
    head += "Content-Range: bytes " + std::to_string(position_) + "-" + std::to_string(size_ - 1) +
            "/" + total + "\r\n";
  }
  return head + "\r\n";
}

Upload::Next Upload::answered(const Answer& answer) {
  if (answer.status == 200 || answer.status == 201) return Next::kDone;
  if (answer.status == 308 && resumable_) {
    reached_ = std::max(reached_, position_);
    position_ = answer.stored;
    asking_ = false;
    return Next::kGoOn;
  }
  if (resumable_ && answer.status == 404 && asking_) {
    reached_ = std::max(reached_, position_);
    position_ = 0;
    asking_ = false;
    return Next::kGoOn;
  }
  const bool passes = answer.status == 408 || answer.status == 409 || answer.status == 429 ||
                      (answer.status >= 500 && answer.status != 502);
  if (!passes) return Next::kFailed;
  broken();
  return Next::kRetry;
}

void Upload::broken() {
  reached_ = std::max(reached_, position_);
  if (resumable_) {
    asking_ = true;
  } else {
    position_ = 0;
  }
}

}  // namespace sluice::crowd
