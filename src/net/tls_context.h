// TLS settings and certificates. TLS 1.2 and 1.3 only, AEAD ciphers with forward secrecy only;
// AES-128-GCM first (limits.md 5), ChaCha20 for clients that prefer it (phones without AES
// instructions). No renegotiation, no compression.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace sluice::net {

// The server's certificate chain and key, reloaded when the files change. Connections keep the
// certificate they began with. Thread-safe: one instance serves all threads.
class TlsServerContext {
 public:
  // PEM files: the chain, leaf first, and the unencrypted key. Error kInvalidArgument: the detail
  // names the file and the fault, never its contents.
  static Result<std::shared_ptr<TlsServerContext>> open(std::string certificate_file,
                                                        std::string key_file);

  // Reads the files again. On any fault the certificate in use stays, and the fault is returned.
  Result<Ok> reload();
  // reload() if a file changed since it was last tried: two stat calls otherwise. Answers whether a
  // new certificate is in use. A broken file is reported once for each change. To be called every
  // few seconds.
  Result<bool> reload_if_changed();

  // What new connections use.
  std::shared_ptr<ssl_ctx_st> current() const;

 private:
  // Identity of a file's contents, as far as stat() can tell.
  struct Stamp {
    std::int64_t modified = 0;  // ns
    std::int64_t size = 0;
    std::uint64_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };

  TlsServerContext(std::string certificate_file, std::string key_file);
  static Stamp stamp_of(const std::string& file) noexcept;

  // Constant after construction.
  const std::string certificate_file_;
  const std::string key_file_;

  // Protected by mutex_.
  mutable std::mutex mutex_;
  std::shared_ptr<ssl_ctx_st> current_;
  Stamp certificate_stamp_;
  Stamp key_stamp_;
};

// Whom outgoing connections trust. Thread-safe.
class TlsClientContext {
 public:
  // ca_file: PEM bundle to trust instead of the system's; empty: the system's, where the
  // environment variables SSL_CERT_FILE and SSL_CERT_DIR hold. kInvalidArgument: unreadable file.
  static Result<std::shared_ptr<TlsClientContext>> open(std::string ca_file);

  ssl_ctx_st* get() const noexcept { return context_.get(); }

 private:
  explicit TlsClientContext(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}
  const std::shared_ptr<ssl_ctx_st> context_;
};

}  // namespace sluice::net
