#include "wire/structured_fields.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace sluice::wire::sf {
namespace {

Headers fields(std::initializer_list<const char*> values) {
  Headers headers;
  headers.add("Other", "?0");
  for (const char* value : values) headers.add("upload-COMPLETE", value);
  return headers;
}

// Section 3.3 of the IETF digest, Boolean rows.
TEST(StructuredFields, BooleanFields) {
  const struct {
    std::initializer_list<const char*> lines;
    std::optional<bool> value;
  } rows[] = {
      {{"?1"}, true},
      {{"?0"}, false},
      {{"?1;x=5"}, true},
      {{"?1; x ; y=\"a;b\""}, std::nullopt},  // no blank in front of ';'
      {{"?1;x; y=\"a;b\""}, true},
      {{"  ?1  "}, true},
      {{"true"}, std::nullopt},
      {{"1"}, std::nullopt},
      {{"?2"}, std::nullopt},
      {{"?"}, std::nullopt},
      {{"?10"}, std::nullopt},
      {{"\"?1\""}, std::nullopt},
      {{"?1, ?1"}, std::nullopt},
      {{"?1", "?1"}, std::nullopt},
      {{""}, std::nullopt},
      {{"", "?1"}, std::nullopt},
      {{"?1,"}, std::nullopt},
      {{"\t?1"}, std::nullopt},
      {{"?1 x"}, std::nullopt},
      {{"(?1)"}, std::nullopt},
      {{"?1;"}, std::nullopt},
      {{"?1;X=1"}, std::nullopt},
      {{}, std::nullopt},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(boolean_field(fields(row.lines), "Upload-Complete"), row.value)
        << (row.lines.size() > 0 ? *row.lines.begin() : "(none)");
  }
}

// The same section, Integer rows.
TEST(StructuredFields, IntegerFields) {
  const struct {
    std::initializer_list<const char*> lines;
    std::optional<std::int64_t> value;
  } rows[] = {
      {{"0"}, 0},
      {{"007"}, 7},
      {{"42;p"}, 42},
      {{"-1"}, -1},  // an Integer; that it is none of ours is for the reader to say
      {{"-0"}, 0},
      {{"999999999999999"}, kIntegerMax},
      {{"-999999999999999"}, -kIntegerMax},
      {{"000000000000001"}, 1},
      {{"1000000000000000"}, std::nullopt},
      {{"0000000000000001"}, std::nullopt},
      {{"99999999999999999999999"}, std::nullopt},
      {{"5.0"}, std::nullopt},
      {{"5."}, std::nullopt},
      {{"\"5\""}, std::nullopt},
      {{"+5"}, std::nullopt},
      {{"5 5"}, std::nullopt},
      {{"1e3"}, std::nullopt},
      {{"0x10"}, std::nullopt},
      {{"--1"}, std::nullopt},
      {{"-"}, std::nullopt},
      {{"5", "5"}, std::nullopt},
      {{"5,6"}, std::nullopt},
      {{"abc"}, std::nullopt},
      {{"\xd9\xa3"}, std::nullopt},
      {{""}, std::nullopt},
      {{}, std::nullopt},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(integer_field(fields(row.lines), "Upload-Complete"), row.value)
        << (row.lines.size() > 0 ? *row.lines.begin() : "(none)");
  }
}

TEST(StructuredFields, EveryTypeOfItem) {
  const struct {
    const char* text;
    BareItem value;
    const char* canonical;  // nullptr: as read
  } rows[] = {
      {"?1", true, nullptr},
      {"-17", std::int64_t{-17}, nullptr},
      {"4.5", Decimal{4'500}, nullptr},
      {"-0.125", Decimal{-125}, nullptr},
      {"1.0", Decimal{1'000}, nullptr},
      {"1.00", Decimal{1'000}, "1.0"},
      {"999999999999.999", Decimal{kIntegerMax}, nullptr},
      {"\"\"", std::string(), nullptr},
      {"\"a \\\"b\\\" \\\\\"", std::string("a \"b\" \\"), nullptr},
      {"sha-256", Token{"sha-256"}, nullptr},
      {"*/*", Token{"*/*"}, nullptr},
      {"application/partial-upload", Token{"application/partial-upload"}, nullptr},
      {"A:b!#$%&'*+-.^_`|~", Token{"A:b!#$%&'*+-.^_`|~"}, nullptr},
      {"::", ByteSequence{""}, nullptr},
      {":AAEC:", ByteSequence{std::string("\0\1\2", 3)}, nullptr},
      {"@1659578233", Date{1'659'578'233}, nullptr},
      {"@-1", Date{-1}, nullptr},
      {"%\"f%c3%bc %25\"", DisplayString{"f\xc3\xbc %"}, nullptr},
  };
  for (const auto& row : rows) {
    const auto item = parse_item(row.text);
    ASSERT_TRUE(item) << row.text;
    EXPECT_EQ(item->value, row.value) << row.text;
    EXPECT_EQ(serialize(*item), row.canonical != nullptr ? row.canonical : row.text);
  }
}

TEST(StructuredFields, MalformedItems) {
  for (const std::string& text : {
           std::string("\""), std::string("\"a"), std::string("\"a\\"), std::string("\"\\a\""),
           std::string("\"\x7f\""), std::string("\"\xc3\xbc\""), std::string("\"a\"b"),
           std::string(":"), std::string(":AAEC"), std::string(":AA=:"), std::string(":A:"),
           std::string(":AA EC:"), std::string(":AA=C:"), std::string("?"), std::string("@"),
           std::string("@1.5"), std::string("@@1"), std::string("@\"1\""), std::string("%"),
           std::string("%\"a"), std::string("%\"%C3%BC\""), std::string("%\"%c3\""),
           std::string("%\"%c\""), std::string("%\"\xc3\xbc\""), std::string("1.2345"),
           std::string("1234567890123.5"), std::string(".5"), std::string("1.-5"),
           std::string("a\tb"), std::string("a,b"), std::string("(a)"), std::string("a;"),
           std::string("a;b="), std::string("a;=1"), std::string("a;1"), std::string("a;b;"),
           std::string("a;b=(1)"), std::string("!"), std::string("\0", 1), std::string("a\0", 2),
       }) {
    EXPECT_FALSE(parse_item(text)) << text;
  }
}

TEST(StructuredFields, Parameters) {
  const auto item = parse_item("a;x;y=2;x=\"last\"; z=?0");
  ASSERT_TRUE(item);
  const Parameters wanted{{"x", std::string("last")}, {"y", std::int64_t{2}}, {"z", false}};
  EXPECT_EQ(item->parameters, wanted);
  EXPECT_EQ(serialize(*item), "a;x=\"last\";y=2;z=?0");
  EXPECT_EQ(serialize(*parse_item("a;x=?1")), "a;x");
}

// Section 3.3, Dictionary rows: Upload-Limit and digests.
TEST(StructuredFields, Dictionaries) {
  auto limits = parse_dictionary("max-size=10, min-size=2, foo=?1");
  ASSERT_TRUE(limits);
  ASSERT_EQ(limits->size(), 3U);
  EXPECT_EQ((*limits)[0].first, "max-size");
  EXPECT_EQ(std::get<Item>((*limits)[0].second).value, BareItem(std::int64_t{10}));
  EXPECT_EQ(serialize(*limits), "max-size=10, min-size=2, foo");

  auto twice = parse_dictionary("a=1,b;p=1 ,\ta=2");
  ASSERT_TRUE(twice);
  EXPECT_EQ(serialize(*twice), "a=2, b;p=1");

  auto digest = parse_dictionary("sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:, foo=:AA==:");
  ASSERT_TRUE(digest);
  EXPECT_EQ(std::get<ByteSequence>(std::get<Item>((*digest)[0].second).value).bytes.size(), 32U);

  EXPECT_EQ(serialize(*parse_dictionary("a=(1 \"b\" ), b=();x")), "a=(1 \"b\"), b=();x");
  EXPECT_EQ(serialize(*parse_dictionary("")), "");
  EXPECT_EQ(serialize(*parse_dictionary("   ")), "");
  for (const char* text : {"a=", "a=1,", ",a=1", "a=1,,b=2", "a=1 b=2", "A=1", "1a=1", "a =1",
                           "a= 1", "a=(1", "a=(1,2)", "a=(1\t2)", "a=1;", "=1", "a=1, B", "\ta=1"}) {
    EXPECT_FALSE(parse_dictionary(text)) << text;
  }
}

TEST(StructuredFields, Lists) {
  EXPECT_EQ(serialize(*parse_list("a,b , (c d);e,\"f\"")), "a, b, (c d);e, \"f\"");
  EXPECT_TRUE(parse_list("")->empty());
  for (const char* text : {",", "a,", "a,,b", "a b", "(", "(a", "(a b", "(a)b", "(a)(b)", "((a))"}) {
    EXPECT_FALSE(parse_list(text)) << text;
  }
}

TEST(StructuredFields, WhatCannotBeWritten) {
  const BareItem values[] = {std::int64_t{kIntegerMax + 1}, std::int64_t{-kIntegerMax - 1},
                             Decimal{kIntegerMax + 1},      std::string("\n"),
                             std::string("\xc3\xbc"),       Token{""},
                             Token{"1a"},                   Token{"a b"},
                             Date{kIntegerMax + 1},         DisplayString{"\xff"},
                             Decimal{INT64_MIN}};
  for (const BareItem& value : values) EXPECT_FALSE(serialize(Item{value, {}})) << value.index();
  EXPECT_FALSE(serialize(Dictionary{{"A", Item{true, {}}}}));
  EXPECT_FALSE(serialize(Dictionary{{"", Item{true, {}}}}));
  EXPECT_FALSE(serialize(Item{true, {{"a b", true}}}));
}

// Goal: whatever is read is written in one form that is read as the same value.
TEST(StructuredFields, TotalAndStable) {
  const std::string_view alphabet = "a*?10.-\";:,=( )%@\\A/\t\x7f\xc3";
  std::mt19937 random(7);  // NOLINT: the same run every time
  int good = 0;
  for (int step = 0; step < 300'000; ++step) {
    std::string text;
    for (std::size_t n = random() % 9; n > 0; --n) text += alphabet[random() % alphabet.size()];
    if (const auto item = parse_item(text)) {
      ++good;
      const auto written = serialize(*item);
      ASSERT_TRUE(written) << text;
      ASSERT_EQ(parse_item(*written), item) << text << " -> " << *written;
    }
    if (const auto list = parse_list(text)) {
      const auto written = serialize(*list);
      ASSERT_TRUE(written) << text;
      ASSERT_EQ(parse_list(*written), list) << text << " -> " << *written;
    }
    if (const auto dictionary = parse_dictionary(text)) {
      const auto written = serialize(*dictionary);
      ASSERT_TRUE(written) << text;
      ASSERT_EQ(parse_dictionary(*written), dictionary) << text << " -> " << *written;
    }
  }
  EXPECT_GT(good, 1'000);
}

}  // namespace
}  // namespace sluice::wire::sf
