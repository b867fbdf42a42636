// For tests only: running coroutines, certificates, temporary folders, bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "base/task.h"
#include "base/text.h"
#include "base/time.h"
#include "net/steady.h"
#include "ports/stream.h"

namespace sluice::net::testing {

using namespace std::chrono_literals;

// Runs `task` on the loop until it has ended; other work on the loop goes on meanwhile. Rethrows.
template <class T>
T run(boost::asio::io_context& loop, Task<T> task, std::chrono::seconds limit = 120s) {
  std::optional<T> value;
  std::exception_ptr thrown;
  boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T result) {
    thrown = error;
    if (!error) value.emplace(std::move(result));
    loop.stop();
  });
  loop.restart();
  loop.run_for(limit);
  if (thrown) std::rethrow_exception(thrown);
  if (!value) {
    std::fprintf(stderr, "a test's task did not end\n");
    std::abort();
  }
  return std::move(*value);
}

inline Deadline in(Duration time) {
  return Deadline(steady_now() + time);
}

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  // Writes a file and answers its path.
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::trunc) << text;
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

// A certificate authority that lives for one test.
class TestAuthority {
 public:
  struct Issued {
    std::string certificate;  // PEM
    std::string key;          // PEM
  };

  TestAuthority() : key_(new_key()), certificate_(X509_new(), X509_free) {
    prepare(certificate_.get(), key_.get(), "Test Authority");
    X509_set_issuer_name(certificate_.get(), X509_get_subject_name(certificate_.get()));
    extend(certificate_.get(), NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  }

  std::string certificate_pem() const { return pem(certificate_.get()); }

  // Alternative names as OpenSSL writes them: "DNS:localhost,IP:127.0.0.1".
  Issued issue(const std::string& names) const {
    const auto key = new_key();
    const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), X509_free);
    prepare(made.get(), key.get(), "Test Server");
    X509_set_issuer_name(made.get(), X509_get_subject_name(certificate_.get()));
    extend(made.get(), NID_subject_alt_name, names);
    X509_sign(made.get(), key_.get(), EVP_sha256());
    Issued issued;
    issued.certificate = pem(made.get());
    const Memory memory(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    issued.key = text(memory.get());
    return issued;
  }

 private:
  using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
  using Memory = std::unique_ptr<BIO, int (*)(BIO*)>;

  static Key new_key() { return Key(EVP_EC_gen("P-256"), EVP_PKEY_free); }

  static void prepare(X509* certificate, EVP_PKEY* key, const char* name) {
    static long serial = 1;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  }
  static void extend(X509* certificate, int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    if (extension == nullptr) std::abort();
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static std::string text(BIO* memory) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    return {data, static_cast<std::size_t>(size)};
  }
  static std::string pem(X509* certificate) {
    const Memory memory(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(memory.get(), certificate);
    return text(memory.get());
  }

  Key key_;
  std::unique_ptr<X509, void (*)(X509*)> certificate_;
};

// Reproducible bytes that differ everywhere.
inline std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed) {
  std::vector<std::byte> bytes(size);
  std::uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
  for (std::byte& b : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    b = static_cast<std::byte>(state >> 24);
  }
  return bytes;
}

inline std::string sha256(const std::vector<std::byte>& bytes) {
  std::vector<std::byte> digest(32);
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
             EVP_sha256(), nullptr);
  return hex(digest);
}

inline std::vector<ConstBuffer> whole(const std::vector<std::byte>& bytes) {
  return {ConstBuffer{bytes.data(), bytes.size()}};
}

// Reads until `size` bytes are there or the end, in batches of at most `batch`.
inline Task<Result<std::vector<std::byte>>> read_bytes(Stream* stream, std::size_t size,
                                                       Deadline deadline,
                                                       std::size_t batch = 1U << 20) {
  std::vector<std::byte> bytes(size);
  std::size_t got = 0;
  while (got < size) {
    std::vector<MutableBuffer> into{MutableBuffer{bytes.data() + got, std::min(batch, size - got)}};
    const auto n = co_await stream->read(std::move(into), deadline);
    if (!n) co_return fail(n.error());
    if (*n == 0) break;
    got += *n;
  }
  bytes.resize(got);
  co_return bytes;
}

inline Task<Result<std::string>> read_text(Stream* stream, std::size_t size, Deadline deadline) {
  const auto bytes = co_await read_bytes(stream, size, deadline);
  if (!bytes) co_return fail(bytes.error());
  co_return std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}

inline Task<Result<Ok>> write_bytes(Stream* stream, std::shared_ptr<std::vector<std::byte>> bytes,
                                    Deadline deadline) {
  co_return co_await stream->write(whole(*bytes), deadline);
}

inline Task<Result<Ok>> write_text(Stream* stream, std::string text, Deadline deadline) {
  std::vector<ConstBuffer> from{
      ConstBuffer{reinterpret_cast<const std::byte*>(text.data()), text.size()}};
  co_return co_await stream->write(std::move(from), deadline);
}

}  // namespace sluice::net::testing
