#include "net/tls_context.h"

#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "base/check.h"
#include "net/tls_error.h"

namespace sluice::net {

namespace {

using Context = std::shared_ptr<ssl_ctx_st>;

Context make_context(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method), SSL_CTX_free);
  SLUICE_CHECK(context != nullptr);
  SSL_CTX* ctx = context.get();
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_ciphersuites(
      ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_cipher_list(ctx,
                          "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                          "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                          "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305");
  return context;
}

// A client that offers protocols gets HTTP/1.1 if it is among them; others are left alone.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  static constexpr std::string_view kOurs("\x08http/1.1");
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(kOurs.data()),
                            static_cast<unsigned>(kOurs.size()), in, in_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// An encrypted key would make OpenSSL ask on the terminal.
int no_password(char*, int, int, void*) {
  return 0;
}

Result<Context> load(const std::string& certificate_file, const std::string& key_file) {
  ERR_clear_error();
  Context context = make_context(TLS_server_method());
  SSL_CTX* ctx = context.get();
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);  // tickets need none
  SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(ctx, no_password);
  if (SSL_CTX_use_certificate_chain_file(ctx, certificate_file.c_str()) != 1) {
    return fail(Errc::kInvalidArgument,
                "certificate file " + certificate_file + ": " + take_tls_error());
  }
  if (SSL_CTX_use_PrivateKey_file(ctx, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(Errc::kInvalidArgument, "key file " + key_file + ": " + take_tls_error());
  }
  if (SSL_CTX_check_private_key(ctx) != 1) {
    return fail(Errc::kInvalidArgument, "key file " + key_file +
                                            " does not belong to certificate " + certificate_file +
                                            ": " + take_tls_error());
  }
  return context;
}

}  // namespace

TlsServerContext::TlsServerContext(std::string certificate_file, std::string key_file)
    : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {}

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::open(std::string certificate_file,
                                                                 std::string key_file) {
  std::shared_ptr<TlsServerContext> made(
      new TlsServerContext(std::move(certificate_file), std::move(key_file)));
  SLUICE_TRY_OK(made->reload());
  return made;
}

Result<Ok> TlsServerContext::reload() {
  // The stamps are taken first: a change while we read is seen as a change afterwards.
  const Stamp certificate_stamp = stamp_of(certificate_file_);
  const Stamp key_stamp = stamp_of(key_file_);
  Result<Context> loaded = load(certificate_file_, key_file_);
  const std::lock_guard lock(mutex_);
  certificate_stamp_ = certificate_stamp;
  key_stamp_ = key_stamp;
  if (!loaded) return fail(std::move(loaded).error());
  current_ = std::move(*loaded);
  return Ok{};
}

Result<bool> TlsServerContext::reload_if_changed() {
  const Stamp certificate_stamp = stamp_of(certificate_file_);
  const Stamp key_stamp = stamp_of(key_file_);
  {
    const std::lock_guard lock(mutex_);
    if (certificate_stamp == certificate_stamp_ && key_stamp == key_stamp_) return false;
  }
  SLUICE_TRY_OK(reload());
  return true;
}

Context TlsServerContext::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

TlsServerContext::Stamp TlsServerContext::stamp_of(const std::string& file) noexcept {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return Stamp{};
  return Stamp{std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec,
               info.st_size, info.st_ino};
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::open(std::string ca_file) {
  ERR_clear_error();
  Context context = make_context(TLS_client_method());
  SSL_CTX* ctx = context.get();
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(ctx) != 1) {
      return fail(Errc::kInvalidArgument, "trusted certificates: " + take_tls_error());
    }
  } else if (SSL_CTX_load_verify_locations(ctx, ca_file.c_str(), nullptr) != 1) {
    return fail(Errc::kInvalidArgument,
                "trusted certificates " + ca_file + ": " + take_tls_error());
  }
  return std::shared_ptr<TlsClientContext>(new TlsClientContext(std::move(context)));
}

}  // namespace sluice::net
