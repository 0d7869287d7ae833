#include "agent/http/landing_page.h"

#include <string_view>
#include <utility>

namespace notch::agent {
namespace {

std::string escaped(std::string_view text) {
  std::string html;
  html.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

}  // namespace

Response landing_page(const std::string& name, const std::string& version,
                      const std::string& description, const std::vector<LandingLink>& links) {
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>" +
                     escaped(name) + "</title></head>\n<body>\n<h1>" + escaped(name) +
                     "</h1>\n<p>" + escaped(description) + "</p>\n<p>Version " + escaped(version) +
                     "</p>\n<ul>\n";
  for (const LandingLink& link : links) {
    html += "<li><a href=\"" + escaped(link.path) + "\">" + escaped(link.text) + "</a></li>\n";
  }
  html += "</ul>\n</body>\n</html>\n";
  Response response = text_response(200, std::move(html));
  response.content_type = "text/html; charset=utf-8";
  return response;
}

}  // namespace notch::agent
