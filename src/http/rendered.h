// A dialect's response as the connection's answer.
#pragma once

#include <optional>
#include <string_view>

#include "core/command.h"
#include "http/answer.h"
#include "protocols/response.h"

namespace sluice::http {

// One word for the log: how a request ended.
std::string_view word_of(const core::Outcome& outcome);

// nullopt: there is nobody to answer.
Answer rendered(std::optional<protocols::Response> response, const core::Outcome& outcome);

}  // namespace sluice::http
