#include "sink/xml.h"

#include <cstdlib>

namespace sluice::sink {

namespace {

constexpr std::string_view kDeclaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// The text of the first <name> in `xml`.
std::string inner(std::string_view xml, std::string_view name) {
  const std::string open = "<" + std::string(name) + ">";
  const std::string close = "</" + std::string(name) + ">";
  const std::size_t begin = xml.find(open);
  if (begin == std::string_view::npos) return {};
  const std::size_t from = begin + open.size();
  const std::size_t end = xml.find(close, from);
  if (end == std::string_view::npos) return {};
  return std::string(xml.substr(from, end - from));
}

}  // namespace

std::string xml_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string element(std::string_view name, std::string_view text) {
  return "<" + std::string(name) + ">" + xml_escape(text) + "</" + std::string(name) + ">";
}

std::string error_xml(std::string_view code) {
  return std::string(kDeclaration) + "<Error>" + element("Code", code) +
         element("Message", "said by the sink") + "</Error>";
}

std::vector<NamedPart> parse_complete(std::string_view xml) {
  std::vector<NamedPart> parts;
  while (true) {
    const std::size_t begin = xml.find("<Part>");
    if (begin == std::string_view::npos) return parts;
    const std::size_t end = xml.find("</Part>", begin);
    if (end == std::string_view::npos) return parts;
    const std::string_view part = xml.substr(begin, end - begin);
    NamedPart named;
    named.number =
        static_cast<std::uint32_t>(std::strtoul(inner(part, "PartNumber").c_str(), nullptr, 10));
    named.etag = inner(part, "ETag");
    replace_all(named.etag, "&quot;", "\"");
    replace_all(named.etag, "&#34;", "\"");
    if (named.etag.empty() || named.etag.front() != '"') named.etag = "\"" + named.etag + "\"";
    parts.push_back(std::move(named));
    xml.remove_prefix(end);
  }
}

}  // namespace sluice::sink
