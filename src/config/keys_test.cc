#include "config/keys.h"

#include <set>

#include <gtest/gtest.h>

namespace sluice::config {
namespace {

TEST(Keys, NamesAndVariablesAreUnique) {
  std::set<std::string> names;
  std::set<std::string> variables{"SLUICE_CONFIG"};
  for (const Key& key : keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_TRUE(variables.insert(env_name(key.name)).second) << key.name;
    if (key.secret) {
      EXPECT_TRUE(variables.insert(env_name(key.name) + "_FILE").second) << key.name;
    }
    EXPECT_FALSE(key.help.empty()) << key.name;
    EXPECT_FALSE(key.section.empty()) << key.name;
  }
}

// A table of TOML cannot be a value as well.
TEST(Keys, NoKeyIsTheTableOfAnother) {
  for (const Key& a : keys()) {
    for (const Key& b : keys()) EXPECT_FALSE(b.name.starts_with(a.name + ".")) << a.name;
  }
}

// Defaults come from the option structs; if one of them were not legal, this would show it.
TEST(Keys, EveryDefaultReadsBack) {
  const Draft defaults;
  for (const Key& key : keys()) {
    const std::string value = key.show(defaults);
    if (value.empty()) continue;
    Draft draft;
    const auto done = key.set(draft, value);
    EXPECT_TRUE(done) << key.name << ": " << (done ? "" : done.error().detail());
    EXPECT_EQ(key.show(draft), value) << key.name;
  }
}

// Every row writes to a place of its own: a copied line with the old field would show here.
TEST(Keys, SettingOneChangesOnlyThatOne) {
  const auto other = [](const Key& key) -> std::string {
    const std::string now = key.show(Draft{});
    switch (key.type) {
      case ValueType::kText:
        if (key.name == "listen" || key.name == "admin_listen") return "[::1]:7";
        return key.name == "auth_url" ? "https://app.example/a" : "x";
      case ValueType::kChoice: {
        const std::string first = key.legal.substr(0, key.legal.find(','));
        const std::string last = key.legal.substr(key.legal.rfind(' ') + 1);
        return first == now ? last : first;
      }
      case ValueType::kInteger:
        return now == "3" ? "2" : "3";
      case ValueType::kReal:
        return "2.5";
      case ValueType::kBool:
        return now == "true" ? "false" : "true";
      case ValueType::kSize:
        return now == "16MiB" ? "8MiB" : "16MiB";
      case ValueType::kDuration:
        return key.legal.substr(key.legal.rfind(' ') + 1);
      case ValueType::kList:
        return key.name == "cors.origins" ? "https://a.example" : "X-A,X-B";
      case ValueType::kRoutes:
        return "/v/=vimeo,/upload/=default,/f/=tus";
    }
    return "";
  };
  for (const Key& key : keys()) {
    Draft draft;
    const std::string value = key.name == "http.receive_batch" || key.name == "http.drain_bytes" ||
                                      key.name == "http.header_bytes_max"
                                  ? "512KiB"
                                  : other(key);
    const auto done = key.set(draft, value);
    ASSERT_TRUE(done) << key.name << ": " << done.error().detail();
    for (const Key& any : keys()) {
      if (any.name == key.name) {
        EXPECT_EQ(any.show(draft), key.secret ? "***" : value) << key.name;
      } else {
        EXPECT_EQ(any.show(draft), any.show(Draft{})) << key.name << " changed " << any.name;
      }
    }
  }
}

TEST(Keys, OutOfRangeIsRefused) {
  const auto refused = [](const char* name, const char* value, const char* word) {
    Draft draft;
    const auto done = find_key(name)->set(draft, value);
    ASSERT_FALSE(done) << name;
    EXPECT_NE(done.error().detail().find(word), std::string::npos) << done.error().detail();
  };
  refused("part_size", "5000000", "multiple of 256KiB; the nearest are 4864KiB and 5MiB");
  refused("part_size", "6GiB", "out of range");
  refused("memory_budget", "1MiB", "4MiB to");
  refused("parts_in_flight", "65", "1 to 64");
  refused("parts_in_flight", "four", "not a whole number");
  refused("keep_finished", "1h", "1d to");
  refused("linger", "10", "not a duration");
  refused("expire_after", "1500ms", "whole number of seconds");
  refused("auth", "jwt", "choose one of none, forward");
  refused("sweep.exclusive", "yes", "neither true nor false");
  refused("retry.budget_tokens", "nan", "not a number");
  refused("checksum", "md5", "crc64nvme or crc32c");
  refused("cors.origins", "https://app.example/path", "not an origin");
  refused("cors.origins", "app.example", "not an origin");
  refused("auth_headers", "X A", "not the name of a header");
  refused("auth_url", "app.example", "must begin with");
  refused("auth_url", "https://user:pw@app.example/", "credentials");
  refused("route", "upload", "must begin and end with /");
  refused("route", "/a/=ftp", "dialect \"ftp\"");
  refused("route", "/a/,/a/=vimeo", "twice");
  refused("route", "", "at least one");
}

TEST(Keys, ExpireAfterReachesEngineAndSweeper) {
  Draft draft;
  ASSERT_TRUE(find_key("expire_after")->set(draft, "2d"));
  EXPECT_EQ(draft.options.engine.expire_after, std::chrono::hours(48));
  EXPECT_EQ(draft.options.cleaner.expire_after, std::chrono::hours(48));
}

TEST(Keys, ChecksumReachesEngineAndStore) {
  Draft draft;
  ASSERT_TRUE(find_key("checksum")->set(draft, "crc32c"));
  EXPECT_EQ(draft.options.engine.checksum, wire::ChecksumKind::kCrc32c);
  EXPECT_EQ(draft.s3.checksum, wire::ChecksumKind::kCrc32c);
}

}  // namespace
}  // namespace sluice::config
