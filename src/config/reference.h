// docs/configuration.md, written from the table of keys.
#pragma once

#include <string>

namespace sluice::config {

// The whole page, Markdown.
std::string reference_page();

}  // namespace sluice::config
