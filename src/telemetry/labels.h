// Label values: from fixed or bounded sets, never from clients. An unbounded label is an unbounded
// memory in the program and in Prometheus, and a way for secrets to get out. Pure.
#pragma once

#include <string_view>

namespace sluice::telemetry {

// The registered methods we may meet; "other" for anything else a client thinks of.
std::string_view method_label(std::string_view method) noexcept;

// The dialects, "admin" and "none"; "other" for anything else.
std::string_view protocol_label(std::string_view protocol) noexcept;

// 100 to 599, and 0 for "nobody was there to answer"; 0 for anything else.
int code_label(int code) noexcept;

// A word of the program or a status: 1 to 40 characters of A-Z a-z 0-9 _ - .
bool is_label_word(std::string_view value) noexcept;

}  // namespace sluice::telemetry
