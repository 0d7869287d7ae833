// Certificates and web configurations for tests, made on the spot in a directory of their own.
// Called by: https_test.
#pragma once

#include <string>

#include "tests/scratch_directory.h"

namespace notch::agent::testing {

class TlsFiles {
 public:
  std::string path(const std::string& name) const { return directory_.path(name); }

  // Replaces the file by rename, as every careful writer does. Returns its path.
  std::string write(const std::string& name, const std::string& content) const;

  // Makes NAME.crt and NAME.key; `name` is also the subject's common name. Self-signed, or signed
  // by `issuer`, the name of an earlier one; with a subject alternative name if `san` says one.
  void make_certificate(const std::string& name, const std::string& issuer = "",
                        const std::string& san = "") const;

  // Moves FROM.crt and FROM.key over TO's.
  void replace_certificate(const std::string& from, const std::string& to) const;

 private:
  notch::testing::ScratchDirectory directory_;
};

}  // namespace notch::agent::testing
