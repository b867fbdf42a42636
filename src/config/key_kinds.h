// The kinds of keys: functions that make a Key for a place inside a Draft. `field` maps a Draft to
// that place. Private to keys.cc.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/units.h"
#include "config/keys.h"
#include "config/quantity.h"
#include "config/value_checks.h"

namespace sluice::config {

using std::chrono::milliseconds;

inline auto wrong(std::string what) {
  return fail(Errc::kInvalidArgument, std::move(what));
}

template <class Field>
auto at(Field field, const Draft& draft) {
  Draft copy = draft;
  return field(copy);
}

template <class Field>
Key text_key(std::string name, Field field, std::string help) {
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kText;
  key.help = std::move(help);
  key.set = [field](Draft& draft, const std::string& text) -> Result<Ok> {
    field(draft) = text;
    return Ok{};
  };
  key.show = [field](const Draft& draft) -> std::string { return at(field, draft); };
  return key;
}

template <class Field>
Key secret_key(std::string name, Field field, std::string help) {
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kText;
  key.help = std::move(help);
  key.secret = true;
  key.set = [field](Draft& draft, const std::string& text) -> Result<Ok> {
    auto& place = field(draft);
    place = std::remove_cvref_t<decltype(place)>(text);
    return Ok{};
  };
  key.show = [field](const Draft& draft) -> std::string {
    return at(field, draft).empty() ? "" : "***";
  };
  return key;
}

template <class Field>
Key size_key(std::string name, Field field, std::uint64_t min, std::uint64_t max,
             std::uint64_t multiple, std::string help) {
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kSize;
  key.help = std::move(help);
  key.legal = format_size(min) + " to " + format_size(max);
  if (multiple > 1) key.legal += ", multiple of " + format_size(multiple);
  key.set = [=](Draft& draft, const std::string& text) -> Result<Ok> {
    SLUICE_TRY(const std::uint64_t value, parse_size(text));
    if (value < min || value > max) {
      return wrong(text + " is out of range (" + format_size(min) + " to " + format_size(max) +
                   ")");
    }
    if (value % multiple != 0) {
      return wrong(text + " is not a multiple of " + format_size(multiple) + "; the nearest are " +
                   format_size(value - value % multiple) + " and " +
                   format_size(value - value % multiple + multiple));
    }
    auto& place = field(draft);
    place = std::remove_cvref_t<decltype(place)>(value);
    return Ok{};
  };
  key.show = [field](const Draft& draft) {
    const auto value = at(field, draft);
    if constexpr (std::is_same_v<decltype(value), const ByteCount>) {
      return format_size(value.value());
    } else {
      return format_size(value);
    }
  };
  return key;
}

template <class Field>
Key duration_key(std::string name, Field field, milliseconds min, milliseconds max,
                 std::string help) {
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kDuration;
  key.help = std::move(help);
  key.legal = format_duration(min) + " to " + format_duration(max);
  key.set = [=](Draft& draft, const std::string& text) -> Result<Ok> {
    SLUICE_TRY(const milliseconds value, parse_duration(text));
    if (value < min || value > max) {
      return wrong(text + " is out of range (" + format_duration(min) + " to " +
                   format_duration(max) + ")");
    }
    auto& place = field(draft);
    using Place = std::remove_cvref_t<decltype(place)>;
    place = std::chrono::duration_cast<Place>(value);
    if (place != value) return wrong(text + " is not a whole number of seconds");
    return Ok{};
  };
  key.show = [field](const Draft& draft) {
    return format_duration(std::chrono::duration_cast<milliseconds>(at(field, draft)));
  };
  return key;
}

template <class Field>
Key integer_key(std::string name, Field field, std::uint64_t min, std::uint64_t max,
                std::string help) {
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kInteger;
  key.help = std::move(help);
  key.legal = std::to_string(min) + " to " + std::to_string(max);
  key.set = [=](Draft& draft, const std::string& text) -> Result<Ok> {
    const auto value = parse_decimal(trim(text));
    if (!value) return wrong("\"" + text + "\" is not a whole number");
    if (*value < min || *value > max) {
      return wrong(text + " is out of range (" + std::to_string(min) + " to " +
                   std::to_string(max) + ")");
    }
    auto& place = field(draft);
    place = static_cast<std::remove_cvref_t<decltype(place)>>(*value);
    return Ok{};
  };
  key.show = [field](const Draft& draft) { return std::to_string(at(field, draft)); };
  return key;
}

template <class Field>
Key real_key(std::string name, Field field, double min, double max, std::string help) {
  const auto format = [](double value) {
    char buffer[32];
    const int n = std::snprintf(buffer, sizeof buffer, "%g", value);
    return std::string(buffer, static_cast<std::size_t>(n));
  };
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kReal;
  key.help = std::move(help);
  key.legal = format(min) + " to " + format(max);
  key.set = [=](Draft& draft, const std::string& text) -> Result<Ok> {
    char* end = nullptr;
    const std::string digits(trim(text));
    const double value = std::strtod(digits.c_str(), &end);
    if (digits.empty() || *end != '\0' || !std::isfinite(value)) {
      return wrong("\"" + text + "\" is not a number");
    }
    if (value < min || value > max) {
      return wrong(text + " is out of range (" + format(min) + " to " + format(max) + ")");
    }
    field(draft) = value;
    return Ok{};
  };
  key.show = [=](const Draft& draft) { return format(at(field, draft)); };
  return key;
}

inline Result<bool> parse_bool(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return wrong("\"" + text + "\" is neither true nor false");
}

// Also for std::optional<bool>: not set means "as the preset says".
template <class Field>
Key bool_key(std::string name, Field field, std::string help) {
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kBool;
  key.help = std::move(help);
  key.legal = "true or false";
  key.set = [field](Draft& draft, const std::string& text) -> Result<Ok> {
    SLUICE_TRY(field(draft), parse_bool(text));
    return Ok{};
  };
  key.show = [field](const Draft& draft) -> std::string {
    const auto value = at(field, draft);
    if constexpr (std::is_same_v<decltype(value), const bool>) {
      return value ? "true" : "false";
    } else {
      if (!value) return "";
      return *value ? "true" : "false";
    }
  };
  return key;
}

template <class Value>
using Choices = std::vector<std::pair<std::string, Value>>;

template <class Value, class Field>
Key choice_key(std::string name, Field field, Choices<Value> choices, std::string help) {
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kChoice;
  key.help = std::move(help);
  for (const auto& choice : choices) {
    key.legal += (key.legal.empty() ? "" : ", ") + choice.first;
  }
  key.set = [field, choices, legal = key.legal](Draft& draft,
                                                const std::string& text) -> Result<Ok> {
    for (const auto& [word, value] : choices) {
      if (word != text) continue;
      field(draft) = value;
      return Ok{};
    }
    return wrong("\"" + text + "\" is not possible; choose one of " + legal);
  };
  key.show = [field, choices](const Draft& draft) -> std::string {
    const auto value = at(field, draft);
    for (const auto& choice : choices) {
      if (value == choice.second) return choice.first;
    }
    return "";
  };
  return key;
}

template <class Field>
Key list_key(std::string name, Field field, std::function<Result<Ok>(const std::string&)> check,
             std::string help) {
  Key key;
  key.name = std::move(name);
  key.type = ValueType::kList;
  key.help = std::move(help);
  key.set = [field, check](Draft& draft, const std::string& text) -> Result<Ok> {
    std::vector<std::string> items = split_list(text);
    for (const std::string& item : items) {
      SLUICE_TRY_OK(check(item));
    }
    field(draft) = std::move(items);
    return Ok{};
  };
  key.show = [field](const Draft& draft) { return join(at(field, draft)); };
  return key;
}

}  // namespace sluice::config
