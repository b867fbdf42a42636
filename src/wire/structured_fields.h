// Structured fields (RFC 9651): items, lists, dictionaries and their parameters, read strictly and
// written canonically. Pure and total.
//
// There is one error, nullopt: a field that does not parse is to be ignored as a whole (section
// 4.2), so that nobody needs to know what was wrong with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "wire/http_message.h"

namespace sluice::wire::sf {

inline constexpr std::int64_t kIntegerMax = 999'999'999'999'999;  // and its negative

struct Token {
  std::string text;
  bool operator==(const Token&) const = default;
};
struct ByteSequence {
  std::string bytes;  // decoded
  bool operator==(const ByteSequence&) const = default;
};
struct Decimal {
  std::int64_t thousandths = 0;  // |thousandths| <= kIntegerMax
  bool operator==(const Decimal&) const = default;
};
struct Date {
  std::int64_t seconds = 0;  // since 1970-01-01 UTC
  bool operator==(const Date&) const = default;
};
struct DisplayString {
  std::string text;  // UTF-8
  bool operator==(const DisplayString&) const = default;
};

// A std::string is the type String: printable ASCII.
using BareItem = std::variant<bool, std::int64_t, Decimal, std::string, Token, ByteSequence, Date,
                              DisplayString>;

// In order of first appearance; of equal keys the last value wins.
using Parameters = std::vector<std::pair<std::string, BareItem>>;

struct Item {
  BareItem value;
  Parameters parameters;
  bool operator==(const Item&) const = default;
};
struct InnerList {
  std::vector<Item> items;
  Parameters parameters;
  bool operator==(const InnerList&) const = default;
};
using Member = std::variant<Item, InnerList>;
using List = std::vector<Member>;
// As Parameters.
using Dictionary = std::vector<std::pair<std::string, Member>>;

std::optional<Item> parse_item(std::string_view field);
std::optional<List> parse_list(std::string_view field);
std::optional<Dictionary> parse_dictionary(std::string_view field);

// The canonical text. nullopt: the value cannot be written (a number too large, a key or token that
// is none, a string that is not printable ASCII). Empty lists and dictionaries are written as no
// field at all: "".
std::optional<std::string> serialize(const Item& item);
std::optional<std::string> serialize(const List& list);
std::optional<std::string> serialize(const Dictionary& dictionary);

// Every field of that name as one value (section 4.2); nullopt: there is none.
std::optional<std::string> combined(const Headers& headers, std::string_view name);

// The field as one item of that type, its parameters left out; nullopt: absent, malformed or of
// another type, which is all the same to a reader.
std::optional<bool> boolean_field(const Headers& headers, std::string_view name);
std::optional<std::int64_t> integer_field(const Headers& headers, std::string_view name);

}  // namespace sluice::wire::sf
