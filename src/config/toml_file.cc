#include "config/toml_file.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <toml++/toml.h>

#include "config/keys.h"
#include "config/nearest.h"

namespace sluice::config {
namespace {

// Positions as editors count them: line and column from 1.
std::string place(const std::string& file, const toml::source_region& source) {
  return file + ":" + std::to_string(source.begin.line) + ":" + std::to_string(source.begin.column);
}

std::string type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a number";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time";
    case toml::node_type::date_time:
      return "a date and time";
  }
  return "something else";
}

std::string expected(ValueType type) {
  switch (type) {
    case ValueType::kText:
    case ValueType::kChoice:
      return "a string in quotes";
    case ValueType::kInteger:
      return "a whole number without quotes";
    case ValueType::kReal:
      return "a number without quotes";
    case ValueType::kBool:
      return "true or false without quotes";
    case ValueType::kSize:
      return "a size such as \"8MiB\"";
    case ValueType::kDuration:
      return "a duration such as \"10s\"";
    case ValueType::kList:
      return "an array of strings such as [\"a\", \"b\"]";
    case ValueType::kRoutes:
      return "[[route]] tables with prefix and dialect";
  }
  return "a string";
}

// Tables are walked in the order of the file, so that problems come in the order of its lines.
using Entry = std::pair<const toml::key*, const toml::node*>;

std::vector<Entry> in_order(const toml::table& table) {
  std::vector<Entry> entries;
  for (const auto& [key, node] : table) entries.emplace_back(&key, &node);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.first->source().begin < b.first->source().begin;
  });
  return entries;
}

class Reader {
 public:
  Reader(const std::string& file, FileContent& content) : file_(file), content_(content) {
    for (const Key& key : keys()) {
      names_.push_back(key.name);
      if (key.secret) names_.push_back(key.name + "_file");
    }
  }

  void table(const toml::table& table, const std::string& path) {
    for (const auto& [key, node] : in_order(table)) {
      const std::string leaf(key->str());
      const std::string name = path.empty() ? leaf : path + "." + leaf;
      const std::string where = place(file_, key->source());
      const bool is_key = std::find(names_.begin(), names_.end(), name) != names_.end();
      if (is_key) {
        value(name, *node, where);
      } else if (is_prefix(name) && node->is_table()) {
        this->table(*node->as_table(), name);
      } else {
        unknown(name, *node, where);
      }
    }
  }

 private:
  void problem(std::string where, std::string what, std::string mend = {}) {
    content_.problems.push_back(
        {Problem::Level::kError, std::move(where), std::move(what), std::move(mend)});
  }

  bool is_prefix(const std::string& name) const {
    return std::any_of(names_.begin(), names_.end(),
                       [&](const std::string& n) { return n.starts_with(name + "."); });
  }

  void unknown(const std::string& name, const toml::node& node, const std::string& where) {
    if (is_prefix(name)) {
      problem(where, name + " is a table, not " + type_name(node), "write [" + name + "]");
      return;
    }
    std::vector<std::string> candidates = names_;
    if (node.is_table()) {
      candidates.clear();
      for (const std::string& n : names_) {
        const std::size_t dot = n.find('.');
        if (dot != std::string::npos) candidates.push_back(n.substr(0, dot));
      }
    }
    const std::string meant = nearest(name, candidates);
    problem(where, "unknown key " + name, meant.empty() ? "" : "did you mean " + meant + "?");
  }

  void value(const std::string& name, const toml::node& node, const std::string& where) {
    const Key* key = find_key(name);
    // NAME_file holds a path, whatever NAME holds.
    const ValueType type = key == nullptr ? ValueType::kText : key->type;
    const std::optional<std::string> text = to_text(type, name, node);
    if (text) content_.settings.push_back({name, *text, where});
  }

  std::optional<std::string> to_text(ValueType type, const std::string& name,
                                     const toml::node& node) {
    switch (type) {
      case ValueType::kText:
      case ValueType::kChoice:
      case ValueType::kDuration:
        if (const auto* s = node.as_string()) return s->get();
        break;
      case ValueType::kSize:
        if (const auto* s = node.as_string()) return s->get();
        if (const auto* i = node.as_integer()) return std::to_string(i->get());
        break;
      case ValueType::kInteger:
        if (const auto* i = node.as_integer()) return std::to_string(i->get());
        break;
      case ValueType::kReal:
        if (const auto* i = node.as_integer()) return std::to_string(i->get());
        if (const auto* f = node.as_floating_point()) return std::to_string(f->get());
        break;
      case ValueType::kBool:
        if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
        break;
      case ValueType::kList:
        return list(name, node);
      case ValueType::kRoutes:
        return routes(name, node);
    }
    wrong_type(type, name, node);
    return std::nullopt;
  }

  void wrong_type(ValueType type, const std::string& name, const toml::node& node) {
    problem(place(file_, node.source()), name + " cannot be " + type_name(node),
            "write " + expected(type));
  }

  std::optional<std::string> list(const std::string& name, const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr) {
      wrong_type(ValueType::kList, name, node);
      return std::nullopt;
    }
    std::string text;
    for (const toml::node& item : *array) {
      const auto* s = item.as_string();
      if (s == nullptr || s->get().find(',') != std::string::npos) {
        problem(place(file_, item.source()), name + " holds strings without commas",
                "write " + expected(ValueType::kList));
        return std::nullopt;
      }
      text += (text.empty() ? "" : ",") + s->get();
    }
    return text;
  }

  std::optional<std::string> routes(const std::string& name, const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr || !array->is_homogeneous<toml::table>()) {
      wrong_type(ValueType::kRoutes, name, node);
      return std::nullopt;
    }
    std::string text;
    bool good = true;
    for (const toml::node& item : *array) {
      std::string prefix;
      std::string dialect = "default";
      for (const auto& [key, field] : in_order(*item.as_table())) {
        const std::string leaf(key->str());
        const std::string where = place(file_, key->source());
        const auto* s = field->as_string();
        if (leaf != "prefix" && leaf != "dialect") {
          const std::string meant = nearest(leaf, {"prefix", "dialect"});
          problem(where, "unknown key route." + leaf,
                  meant.empty() ? "" : "did you mean " + meant + "?");
          good = false;
        } else if (s == nullptr || s->get().find_first_of(",=") != std::string::npos) {
          problem(where, "route." + leaf + " must be a string without , and =");
          good = false;
        } else {
          (leaf == "prefix" ? prefix : dialect) = s->get();
        }
      }
      if (prefix.empty() && good) {
        problem(place(file_, item.source()), "a route needs a prefix");
        good = false;
      }
      text += (text.empty() ? "" : ",") + prefix + "=" + dialect;
    }
    if (!good) return std::nullopt;
    return text;
  }

  const std::string& file_;
  FileContent& content_;
  std::vector<std::string> names_;
};

}  // namespace

FileContent parse_file(const std::string& text, const std::string& name) {
  FileContent content;
  try {
    const toml::table root = toml::parse(std::string_view(text), std::string_view(name));
    Reader(name, content).table(root, "");
  } catch (const toml::parse_error& error) {
    content.problems.push_back({Problem::Level::kError, place(name, error.source()),
                                std::string(error.description()), ""});
  }
  return content;
}

}  // namespace sluice::config
