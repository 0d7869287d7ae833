// Real conversations, recorded between curl, Python and node: the machine tells what the client
// itself counted. Files and their format: conversations/, record_conversations.py. Called by:
// ctest.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/preload/http/http_transcript.h"

namespace notch::testing {
namespace {

std::string unescape(std::string_view text) {
  std::string bytes;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      bytes += text[at];
      continue;
    }
    const char kind = text.at(++at);
    if (kind == 'x') {
      bytes += static_cast<char>(std::stoi(std::string(text.substr(at + 1, 2)), nullptr, 16));
      at += 2;
    } else {
      bytes += kind == 'r' ? '\r' : kind == 'n' ? '\n' : kind == 't' ? '\t' : kind;
    }
  }
  return bytes;
}

struct Recording {
  std::vector<std::string> counted;
  std::vector<HttpSteps> connections;
};

Recording read_recording(const std::filesystem::path& path) {
  Recording recording;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const char kind = line.at(0);
    if (kind == '=') recording.counted.push_back(line.substr(2));
    if (kind == '@') recording.connections.emplace_back();
    if (kind == '>' || kind == '<') {
      recording.connections.back().push_back({kind, unescape(line.substr(2))});
    }
    if (kind == '.') recording.connections.back().push_back({kind, ""});
  }
  return recording;
}

// "GET /users/* 1.1 200 0:5 100" as curl would say it: "GET 200 0:5".
std::string as_counted(const std::string& line) {
  std::vector<std::string> words(1);
  for (const char letter : line) {
    if (letter == ' ') {
      words.emplace_back();
    } else {
      words.back() += letter;
    }
  }
  return words.at(0) + " " + words.at(3) + " " + words.at(4) +
         (words.size() > 6 ? " " + words[6] : "");
}

// One the semantic conventions do not name.
std::string without_method(std::string line) {
  if (line.starts_with("PROPFIND ")) line.replace(0, 8, "_OTHER");
  return line;
}

TEST(HttpConversation, TellsWhatTheClientCounted) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(NOTCH_SOURCE_DIR "/tests/preload/http/conversations")) {
    SCOPED_TRACE(entry.path().filename());
    const Recording recording = read_recording(entry.path());
    std::vector<std::string> told;
    for (const HttpSteps& steps : recording.connections) {
      HttpEvents whole(HttpRole::kServer);
      play(whole, steps, steps.size(), 0);
      expect_lines(steps, whole.lines(), HttpVerdict::kStopped);
      for (const std::string& line : whole.lines()) {
        if (!line.starts_with("start ")) told.push_back(as_counted(line));
      }
    }
    std::vector<std::string> expected;
    for (const std::string& line : recording.counted) expected.push_back(without_method(line));
    EXPECT_FALSE(expected.empty());
    EXPECT_EQ(told, expected);
    ++files;
  }
  EXPECT_GE(files, 5);
}

}  // namespace
}  // namespace notch::testing
