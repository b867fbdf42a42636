// Connection: one SQLite connection with our settings and its cache of prepared statements.
// One thread at a time. Throws SQLite::Exception; db_thread.cc turns that into an Error.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/result.h"

namespace sluice::statedb {

class Connection {
 public:
  // Throws when the file cannot be opened or does not take our settings.
  Connection(const std::string& path, std::chrono::milliseconds busy_timeout);

  SQLite::Database& database() noexcept { return database_; }
  // Prepared once, kept for the life of the connection. `sql` is a literal.
  SQLite::Statement& prepared(std::string_view sql);
  void exec(std::string_view sql);  // a prepared statement without rows
  bool in_transaction() noexcept;

 private:
  SQLite::Database database_;
  std::unordered_map<std::string_view, std::unique_ptr<SQLite::Statement>> statements_;
};

// One use of a prepared statement: bound in order, reset at the end of the scope. A statement is
// used once at a time.
class Query {
 public:
  template <class... Values>
  Query(Connection& connection, std::string_view sql, const Values&... values)
      : statement_(connection.prepared(sql)) {
    (bind(values), ...);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  void bind(std::int64_t value) { statement_.bind(++bound_, value); }
  void bind(const std::string& value) { statement_.bind(++bound_, value); }
  template <class T>
  void bind(const std::optional<T>& value) {
    if (value) {
      bind(*value);
    } else {
      statement_.bind(++bound_);  // NULL
    }
  }

  bool step() { return statement_.executeStep(); }
  int run() { return statement_.exec(); }  // rows changed

  bool is_null(int column) { return statement_.getColumn(column).isNull(); }
  std::int64_t number(int column) { return statement_.getColumn(column).getInt64(); }
  std::string text(int column) { return statement_.getColumn(column).getString(); }
  std::optional<std::int64_t> maybe_number(int column) {
    if (is_null(column)) return std::nullopt;
    return number(column);
  }

 private:
  SQLite::Statement& statement_;
  int bound_ = 0;
};

// What an exception of SQLite means to a caller whose transaction was rolled back.
Error error_of(const SQLite::Exception& exception);

}  // namespace sluice::statedb
