#include "tests/agent/http/tls_files.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace notch::agent::testing {
namespace {

void run(const std::string& command) {
  ASSERT_EQ(std::system((command + " >/dev/null 2>&1").c_str()), 0) << command;
}

}  // namespace

std::string TlsFiles::write(const std::string& name, const std::string& content) const {
  std::ofstream(path(name + ".new")) << content;
  std::filesystem::rename(path(name + ".new"), path(name));
  return path(name);
}

void TlsFiles::make_certificate(const std::string& name, const std::string& issuer,
                                const std::string& san) const {
  const std::string extension = san.empty() ? "" : " -addext subjectAltName=" + san;
  const std::string files = " -keyout " + path(name + ".key") + " -subj /CN=" + name;
  const std::string fresh = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  if (issuer.empty()) {
    return run(fresh + " -x509 -days 2 -out " + path(name + ".crt") + files + extension);
  }
  run(fresh + " -out " + path(name + ".csr") + files + extension);
  run("openssl x509 -req -days 2 -copy_extensions copy -in " + path(name + ".csr") + " -CA " +
      path(issuer + ".crt") + " -CAkey " + path(issuer + ".key") + " -CAcreateserial -out " +
      path(name + ".crt"));
}

void TlsFiles::replace_certificate(const std::string& from, const std::string& to) const {
  std::filesystem::rename(path(from + ".crt"), path(to + ".crt"));
  std::filesystem::rename(path(from + ".key"), path(to + ".key"));
}

}  // namespace notch::agent::testing
