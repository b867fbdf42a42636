#include "wire/s3_digest.h"

#include <memory>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/check.h"
#include "base/text.h"

namespace sluice::wire {

namespace {

// Fetched once: a fetch by name for each call would cost more than hashing a header.
const EVP_MD* algorithm(const char* name) {
  const EVP_MD* found = EVP_MD_fetch(nullptr, name, nullptr);
  SLUICE_CHECK(found != nullptr);
  return found;
}
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const found = algorithm("SHA256");
  return found;
}
const EVP_MD* md5_algorithm() {
  static const EVP_MD* const found = algorithm("MD5");
  return found;
}
EVP_MAC* hmac_algorithm() {
  static EVP_MAC* const found = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  SLUICE_CHECK(found != nullptr);
  return found;
}

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
struct FreeMac {
  void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};

unsigned char* out(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

template <std::size_t Size>
std::array<std::byte, Size> digest_of(const EVP_MD* algorithm_used, const Bytes& bytes) {
  const std::unique_ptr<EVP_MD_CTX, FreeDigest> context(EVP_MD_CTX_new());
  SLUICE_CHECK(context && EVP_DigestInit_ex2(context.get(), algorithm_used, nullptr) == 1);
  for (const Slice& slice : bytes.slices()) {
    SLUICE_CHECK(EVP_DigestUpdate(context.get(), slice.data(), slice.size()) == 1);
  }
  std::array<std::byte, Size> result{};
  unsigned size = Size;
  SLUICE_CHECK(EVP_DigestFinal_ex(context.get(), out(result), &size) == 1 && size == Size);
  return result;
}

}  // namespace

Sha256 sha256(std::span<const std::byte> bytes) {
  Sha256 result{};
  unsigned size = result.size();
  SLUICE_CHECK(
      EVP_Digest(bytes.data(), bytes.size(), out(result), &size, sha256_algorithm(), nullptr) == 1);
  return result;
}

Sha256 hmac_sha256(std::span<const std::byte> key, std::string_view text) {
  const std::unique_ptr<EVP_MAC_CTX, FreeMac> context(EVP_MAC_CTX_new(hmac_algorithm()));
  char name[] = "SHA256";
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                   OSSL_PARAM_construct_end()};
  // An empty key must still be a key: a null pointer would mean "as before".
  const std::byte none{};
  const std::byte* key_data = key.empty() ? &none : key.data();
  Sha256 result{};
  std::size_t size = 0;
  SLUICE_CHECK(context &&
               EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key_data),
                            key.size(), parameters) == 1 &&
               EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(text.data()),
                              text.size()) == 1 &&
               EVP_MAC_final(context.get(), out(result), &size, result.size()) == 1 &&
               size == result.size());
  return result;
}

std::string sha256_hex(std::string_view text) {
  return hex(sha256(as_bytes(text)));
}

std::string sha256_hex(const Bytes& bytes) {
  return hex(digest_of<32>(sha256_algorithm(), bytes));
}

std::string md5_base64(const Bytes& bytes) {
  return base64(digest_of<16>(md5_algorithm(), bytes));
}

}  // namespace sluice::wire
