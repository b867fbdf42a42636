#include "wire/structured_fields.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "base/text.h"

namespace sluice::wire::sf {

namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_lower_alpha(char c) noexcept {
  return c >= 'a' && c <= 'z';
}
bool is_alpha(char c) noexcept {
  return is_lower_alpha(lower(c));
}
bool is_printable(char c) noexcept {
  return c >= 0x20 && c < 0x7f;
}
bool is_key_begin(char c) noexcept {
  return is_lower_alpha(c) || c == '*';
}
bool is_key_char(char c) noexcept {
  return is_lower_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*';
}
bool is_token_begin(char c) noexcept {
  return is_alpha(c) || c == '*';
}
// RFC 9110 tchar, ':' and '/'.
bool is_token_char(char c) noexcept {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~:/";
  return is_alpha(c) || is_digit(c) || kOthers.find(c) != std::string_view::npos;
}

template <class Value>
void put(std::vector<std::pair<std::string, Value>>* entries, std::string key, Value value) {
  const auto known = std::find_if(entries->begin(), entries->end(),
                                  [&key](const auto& entry) { return entry.first == key; });
  if (known == entries->end()) {
    entries->emplace_back(std::move(key), std::move(value));
  } else {
    known->second = std::move(value);
  }
}

// --- reading, RFC 9651 section 4.2. Recursion: none; inner lists do not nest.

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    skip_spaces();
    while (!text_.empty() && text_.back() == ' ') text_.remove_suffix(1);
  }

  bool at_end() const noexcept { return text_.empty(); }

  std::optional<Item> item() {
    auto value = bare_item();
    if (!value) return std::nullopt;
    auto with = parameters();
    if (!with) return std::nullopt;
    return Item{std::move(*value), std::move(*with)};
  }

  std::optional<List> list() {
    List out;
    if (at_end()) return out;
    do {
      auto one = member();
      if (!one) return std::nullopt;
      out.push_back(std::move(*one));
    } while (comma());
    if (broken_ || !at_end()) return std::nullopt;
    return out;
  }

  std::optional<Dictionary> dictionary() {
    Dictionary out;
    if (at_end()) return out;
    do {
      auto name = key();
      if (!name) return std::nullopt;
      std::optional<Member> value;
      if (take('=')) {
        value = member();
      } else if (auto with = parameters()) {
        value = Item{true, std::move(*with)};
      }
      if (!value) return std::nullopt;
      put(&out, std::move(*name), std::move(*value));
    } while (comma());
    if (broken_ || !at_end()) return std::nullopt;
    return out;
  }

 private:
  void skip_spaces() noexcept {
    while (!text_.empty() && text_.front() == ' ') text_.remove_prefix(1);
  }
  void skip_blanks() noexcept {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) {
      text_.remove_prefix(1);
    }
  }
  bool take(char c) noexcept {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  // A comma with something behind it; without that the field is broken.
  bool comma() noexcept {
    skip_blanks();
    if (!take(',')) return false;
    skip_blanks();
    broken_ = at_end();
    return !broken_;
  }

  std::optional<Member> member() {
    if (!text_.empty() && text_.front() == '(') {
      if (auto inner = inner_list()) return std::move(*inner);
      return std::nullopt;
    }
    if (auto one = item()) return std::move(*one);
    return std::nullopt;
  }

  std::optional<InnerList> inner_list() {
    text_.remove_prefix(1);
    InnerList out;
    while (true) {
      skip_spaces();
      if (take(')')) break;
      auto one = item();
      if (!one) return std::nullopt;
      out.items.push_back(std::move(*one));
      if (text_.empty() || (text_.front() != ' ' && text_.front() != ')')) return std::nullopt;
    }
    auto with = parameters();
    if (!with) return std::nullopt;
    out.parameters = std::move(*with);
    return out;
  }

  std::optional<Parameters> parameters() {
    Parameters out;
    while (take(';')) {
      skip_spaces();
      auto name = key();
      if (!name) return std::nullopt;
      std::optional<BareItem> value = BareItem(true);
      if (take('=')) value = bare_item();
      if (!value) return std::nullopt;
      put(&out, std::move(*name), std::move(*value));
    }
    return out;
  }

  std::optional<std::string> key() {
    if (text_.empty() || !is_key_begin(text_.front())) return std::nullopt;
    return run_of(is_key_char);
  }

  std::string run_of(bool (*belongs)(char)) {
    const auto end = std::find_if_not(text_.begin(), text_.end(), belongs);
    std::string out(text_.begin(), end);
    text_.remove_prefix(out.size());
    return out;
  }

  std::optional<BareItem> bare_item() {
    if (text_.empty()) return std::nullopt;
    const char first = text_.front();
    if (first == '-' || is_digit(first)) return number();
    if (is_token_begin(first)) return Token{run_of(is_token_char)};
    text_.remove_prefix(1);
    switch (first) {
      case '"':
        return quoted();
      case ':':
        return byte_sequence();
      case '?':
        return boolean();
      case '@':
        return date();
      case '%':
        return display_string();
      default:
        return std::nullopt;
    }
  }

  std::optional<BareItem> number() {
    constexpr std::size_t kIntegerDigits = 15;
    constexpr std::size_t kWholeDigits = 12;
    const bool negative = take('-');
    const std::string whole = run_of(is_digit);
    if (whole.empty() || whole.size() > kIntegerDigits) return std::nullopt;
    auto value = static_cast<std::int64_t>(*parse_decimal(whole));
    if (!take('.')) return BareItem(negative ? -value : value);
    std::string fraction = run_of(is_digit);
    if (whole.size() > kWholeDigits || fraction.empty() || fraction.size() > 3) return std::nullopt;
    fraction.resize(3, '0');
    value = value * 1000 + static_cast<std::int64_t>(*parse_decimal(fraction));
    return Decimal{negative ? -value : value};
  }

  std::optional<BareItem> quoted() {
    std::string out;
    while (!text_.empty()) {
      char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return BareItem(std::move(out));
      if (c == '\\') {
        if (text_.empty()) return std::nullopt;
        c = text_.front();
        text_.remove_prefix(1);
        if (c != '"' && c != '\\') return std::nullopt;
      } else if (!is_printable(c)) {
        return std::nullopt;
      }
      out += c;
    }
    return std::nullopt;
  }

  std::optional<BareItem> byte_sequence() {
    const std::size_t end = text_.find(':');
    if (end == std::string_view::npos) return std::nullopt;
    auto bytes = base64_decode(text_.substr(0, end));
    if (!bytes) return std::nullopt;
    text_.remove_prefix(end + 1);
    return ByteSequence{std::move(*bytes)};
  }

  std::optional<BareItem> boolean() {
    if (take('1')) return BareItem(true);
    if (take('0')) return BareItem(false);
    return std::nullopt;
  }

  std::optional<BareItem> date() {
    if (text_.empty() || (text_.front() != '-' && !is_digit(text_.front()))) return std::nullopt;
    const auto seconds = number();
    if (!seconds || !std::holds_alternative<std::int64_t>(*seconds)) return std::nullopt;
    return Date{std::get<std::int64_t>(*seconds)};
  }

  std::optional<BareItem> display_string() {
    if (!take('"')) return std::nullopt;
    const std::size_t end = text_.find('"');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view encoded = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    for (std::size_t i = 0; i < encoded.size(); ++i) {
      if (!is_printable(encoded[i])) return std::nullopt;
      if (encoded[i] != '%') continue;
      const std::string_view digits = encoded.substr(i + 1, 2);  // lower case only
      const bool hex = digits.size() == 2 && std::all_of(digits.begin(), digits.end(), [](char c) {
                         return is_digit(c) || (c >= 'a' && c <= 'f');
                       });
      if (!hex) return std::nullopt;
    }
    auto text = percent_decode(encoded);
    if (!text || !is_utf8(*text)) return std::nullopt;
    return DisplayString{std::move(*text)};
  }

  std::string_view text_;
  bool broken_ = false;
};

// --- writing, RFC 9651 section 4.1

class Writer {
 public:
  std::optional<std::string> done() && {
    if (broken_) return std::nullopt;
    return std::move(out_);
  }

  void item(const Item& item) {
    bare(item.value);
    parameters(item.parameters);
  }

  void member(const Member& member) {
    if (const auto* one = std::get_if<Item>(&member)) {
      item(*one);
      return;
    }
    const auto& inner = std::get<InnerList>(member);
    out_ += '(';
    for (std::size_t i = 0; i < inner.items.size(); ++i) {
      if (i > 0) out_ += ' ';
      item(inner.items[i]);
    }
    out_ += ')';
    parameters(inner.parameters);
  }

  void entry(const std::string& name, const Member& value) {
    key(name);
    const auto* one = std::get_if<Item>(&value);
    if (one != nullptr && one->value == BareItem(true)) {
      parameters(one->parameters);
      return;
    }
    out_ += '=';
    member(value);
  }

  void comma() { out_ += ", "; }

 private:
  void check(bool holds) noexcept { broken_ = broken_ || !holds; }

  void key(const std::string& name) {
    check(!name.empty() && is_key_begin(name.front()) &&
          std::all_of(name.begin(), name.end(), is_key_char));
    out_ += name;
  }

  void parameters(const Parameters& parameters) {
    for (const auto& [name, value] : parameters) {
      out_ += ';';
      key(name);
      if (value == BareItem(true)) continue;
      out_ += '=';
      bare(value);
    }
  }

  void bare(const BareItem& value) { std::visit(*this, value); }

  void integer(std::int64_t value) {
    check(value >= -kIntegerMax && value <= kIntegerMax);
    out_ += std::to_string(value);
  }

 public:
  void operator()(bool value) { out_ += value ? "?1" : "?0"; }
  void operator()(std::int64_t value) { integer(value); }
  void operator()(Decimal value) {
    const std::int64_t n = value.thousandths;
    check(n >= -kIntegerMax && n <= kIntegerMax);
    if (broken_) return;
    if (n < 0) out_ += '-';
    const std::int64_t size = std::abs(n);
    std::string fraction = std::to_string(1000 + size % 1000).substr(1);
    while (fraction.size() > 1 && fraction.back() == '0') fraction.pop_back();
    out_ += std::to_string(size / 1000) + "." + fraction;
  }
  void operator()(const std::string& text) {
    check(std::all_of(text.begin(), text.end(), is_printable));
    out_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out_ += '\\';
      out_ += c;
    }
    out_ += '"';
  }
  void operator()(const Token& token) {
    check(!token.text.empty() && is_token_begin(token.text.front()) &&
          std::all_of(token.text.begin(), token.text.end(), is_token_char));
    out_ += token.text;
  }
  void operator()(const ByteSequence& sequence) {
    out_ += ":" + base64(as_bytes(sequence.bytes)) + ":";
  }
  void operator()(Date date) {
    out_ += '@';
    integer(date.seconds);
  }
  void operator()(const DisplayString& display) {
    check(is_utf8(display.text));
    out_ += "%\"";
    for (const char c : display.text) {
      if (is_printable(c) && c != '%' && c != '"') {
        out_ += c;
      } else {
        out_ += "%" + hex(as_bytes(std::string_view(&c, 1)));
      }
    }
    out_ += '"';
  }

 private:
  std::string out_;
  bool broken_ = false;
};

}  // namespace

std::optional<Item> parse_item(std::string_view field) {
  Parser parser(field);
  auto item = parser.item();
  if (!parser.at_end()) return std::nullopt;
  return item;
}

std::optional<List> parse_list(std::string_view field) {
  return Parser(field).list();
}

std::optional<Dictionary> parse_dictionary(std::string_view field) {
  return Parser(field).dictionary();
}

std::optional<std::string> serialize(const Item& item) {
  Writer writer;
  writer.item(item);
  return std::move(writer).done();
}

std::optional<std::string> serialize(const List& list) {
  Writer writer;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) writer.comma();
    writer.member(list[i]);
  }
  return std::move(writer).done();
}

std::optional<std::string> serialize(const Dictionary& dictionary) {
  Writer writer;
  for (std::size_t i = 0; i < dictionary.size(); ++i) {
    if (i > 0) writer.comma();
    writer.entry(dictionary[i].first, dictionary[i].second);
  }
  return std::move(writer).done();
}

std::optional<std::string> combined(const Headers& headers, std::string_view name) {
  std::optional<std::string> out;
  for (const Header& header : headers.list()) {
    if (!equals_ignoring_case(header.name, name)) continue;
    out = out ? *out + ", " + header.value : header.value;
  }
  return out;
}

std::optional<bool> boolean_field(const Headers& headers, std::string_view name) {
  const auto field = combined(headers, name);
  const auto item = field ? parse_item(*field) : std::nullopt;
  if (!item || !std::holds_alternative<bool>(item->value)) return std::nullopt;
  return std::get<bool>(item->value);
}

std::optional<std::int64_t> integer_field(const Headers& headers, std::string_view name) {
  const auto field = combined(headers, name);
  const auto item = field ? parse_item(*field) : std::nullopt;
  if (!item || !std::holds_alternative<std::int64_t>(item->value)) return std::nullopt;
  return std::get<std::int64_t>(item->value);
}

}  // namespace sluice::wire::sf
