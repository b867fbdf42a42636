#include "net/tls_engine.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "net/tls_error.h"

namespace sluice::net {

namespace {

constexpr std::size_t kHeader = 5;

// Size of the record that begins here, header included. 0: this is no TLS record.
std::size_t record_size(const std::uint8_t* header) noexcept {
  const std::size_t body = std::size_t{header[3]} << 8 | header[4];
  const bool valid = header[0] >= 20 && header[0] <= 24 && header[1] == 3 &&
                     body <= TlsEngine::kRecordMax - kHeader;
  return valid ? kHeader + body : 0;
}

const std::uint8_t* octets(const std::byte* data) noexcept {
  return reinterpret_cast<const std::uint8_t*>(data);
}

// Whether OpenSSL can make progress with this input at a record border. What is no record is given
// to it as well: it finds the right words.
bool holds_record(const std::byte* data, std::size_t size) noexcept {
  return size >= kHeader && size >= record_size(octets(data));
}

}  // namespace

struct TlsEngine::Bio {
  static TlsEngine* engine(BIO* bio) { return static_cast<TlsEngine*>(BIO_get_data(bio)); }
  static int read(BIO* bio, char* out, int size) {
    BIO_clear_retry_flags(bio);
    const int n = engine(bio)->give_input(out, size);
    if (n <= 0) BIO_set_retry_read(bio);
    return n;
  }
  static int write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    return engine(bio)->take_output(data, size);
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }
  static const BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice");
      SLUICE_CHECK(m != nullptr);
      BIO_meth_set_read(m, read);
      BIO_meth_set_write(m, write);
      BIO_meth_set_ctrl(m, control);
      BIO_meth_set_create(m, create);
      return m;
    }();
    return made;
  }
};

TlsEngine::TlsEngine(ssl_ctx_st* context, bool is_server)
    : is_server_(is_server),
      ssl_(SSL_new(context)),
      error_(Errc::kDisconnected, "TLS connection broken") {
  SLUICE_CHECK(ssl_ != nullptr);
  BIO* bio = BIO_new(Bio::method());
  SLUICE_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_, bio, bio);
  if (is_server_) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
  }
}

TlsEngine::~TlsEngine() {
  SSL_free(ssl_);
}

std::unique_ptr<TlsEngine> TlsEngine::server(std::shared_ptr<ssl_ctx_st> context) {
  return std::unique_ptr<TlsEngine>(new TlsEngine(context.get(), true));
}

Result<std::unique_ptr<TlsEngine>> TlsEngine::client(ssl_ctx_st* context, const std::string& host) {
  std::unique_ptr<TlsEngine> made(new TlsEngine(context, false));
  SSL* ssl = made->ssl_;
  ERR_clear_error();
  if (SocketAddress::parse(host, 0)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1) return made;
    return fail(Errc::kInvalidArgument, "cannot verify address " + host);
  }
  // A final dot makes a name absolute for DNS; certificates and SNI do without.
  const std::string name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // What the macro SSL_set_tlsext_host_name() says, without its old-style cast.
  std::string server_name = name;
  const auto set_server_name = [&] {
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    server_name.data());
  };
  if (name.empty() || SSL_set1_host(ssl, name.c_str()) != 1 || set_server_name() != 1) {
    return fail(Errc::kInvalidArgument, "cannot verify host name " + host);
  }
  return made;
}

void TlsEngine::feed(std::byte* room, std::size_t fresh) {
  if (!kept_.empty()) std::memcpy(room, kept_.data(), kept_.size());
  in_ = room;
  in_size_ = kept_.size() + fresh;
  in_kept_ = false;
  kept_ = {};
}

void TlsEngine::feed_kept() noexcept {
  in_ = kept_.data();
  in_size_ = kept_.size();
  in_kept_ = true;
}

void TlsEngine::keep_rest() {
  if (in_kept_) {
    kept_.erase(kept_.begin(), kept_.end() - static_cast<std::ptrdiff_t>(in_size_));
    if (kept_.empty()) kept_ = {};
  } else if (in_size_ > 0) {
    kept_.assign(in_, in_ + in_size_);
  }
  in_ = nullptr;
  in_size_ = 0;
  in_kept_ = false;
}

bool TlsEngine::readable() const noexcept {
  if (broken_ || SSL_pending(ssl_) > 0) return true;
  if (!established_ || kept_.empty()) return false;
  return header_size_ > 0 || holds_record(kept_.data(), kept_.size());
}

std::size_t TlsEngine::missing(std::span<const std::byte> peeked) const noexcept {
  if (header_size_ == kHeader) return body_left_ > kept_.size() ? body_left_ - kept_.size() : 1;
  std::array<std::uint8_t, kHeader> header{};
  std::size_t have = header_size_;
  std::copy_n(header_.begin(), header_size_, header.begin());
  const auto take = [&](const std::byte* data, std::size_t size) {
    for (std::size_t i = 0; i < size && have < kHeader; ++i) {
      header[have++] = static_cast<std::uint8_t>(data[i]);
    }
  };
  take(kept_.data(), kept_.size());
  take(peeked.data(), peeked.size());
  const std::size_t arrived = header_size_ + kept_.size();  // of this record
  if (have < kHeader) return kHeader - std::min(arrived, kHeader - 1);
  const std::size_t size = record_size(header.data());
  return size > arrived ? size - arrived : 1;
}

TlsEngine::Step TlsEngine::handshake() {
  if (broken_) return Step::kFailed;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result == 1) {
    established_ = true;
    return Step::kDone;
  }
  return failed(result);
}

TlsEngine::Step TlsEngine::decrypt(std::span<const MutableBuffer> into, std::size_t& got) {
  if (broken_) return Step::kFailed;
  // Continue where the earlier call for the same buffers stopped.
  std::size_t skip = got;
  for (const MutableBuffer& buffer : into) {
    if (skip >= buffer.size) {
      skip -= buffer.size;
      continue;
    }
    std::size_t filled = std::exchange(skip, 0);
    while (filled < buffer.size) {
      std::size_t n = 0;
      ERR_clear_error();
      const int result = SSL_read_ex(ssl_, buffer.data + filled, buffer.size - filled, &n);
      if (result != 1) return failed(result);
      filled += n;
      got += n;
    }
  }
  return Step::kDone;
}

Result<std::size_t> TlsEngine::encrypt(std::span<const ConstBuffer> from, Cursor& at,
                                       std::span<std::byte> sink) {
  if (broken_) return fail(error_);
  sink_ = sink;
  sink_size_ = 0;
  while (at.index < from.size()) {
    const ConstBuffer& buffer = from[at.index];
    const std::size_t left = buffer.size - at.offset;
    if (left == 0) {
      at = Cursor{at.index + 1, 0};
      continue;
    }
    const std::size_t room = sink_.size() - sink_size_;
    const std::size_t records = room / (kRecordData + kRecordOverhead);
    std::size_t n = std::min(left, records * kRecordData);
    if (records == 0) {
      n = std::min(left, kRecordData);
      if (room < n + kRecordOverhead) break;
    }
    std::size_t written = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_, buffer.data + at.offset, n, &written);
    if (result != 1) {
      sink_ = {};
      sink_size_ = 0;
      // Asking for input cannot happen: there is no renegotiation.
      if (failed(result) != Step::kFailed)
        error_ = Error(Errc::kDisconnected, "TLS is out of step");
      broken_ = true;
      return fail(error_);
    }
    at.offset += written;
  }
  sink_ = {};
  return std::exchange(sink_size_, 0);
}

void TlsEngine::say_goodbye() noexcept {
  if (broken_ || !established_) return;
  ERR_clear_error();
  static_cast<void>(SSL_shutdown(ssl_));
  ERR_clear_error();
}

std::span<const std::byte> TlsEngine::pending() const noexcept {
  return std::span(pending_).subspan(pending_sent_);
}

void TlsEngine::sent(std::size_t bytes) {
  pending_sent_ += bytes;
  SLUICE_CHECK(pending_sent_ <= pending_.size());
  if (pending_sent_ == pending_.size()) {
    pending_ = {};
    pending_sent_ = 0;
  }
}

void TlsEngine::keep_unsent(std::span<const std::byte> bytes) {
  pending_.insert(pending_.begin() + static_cast<std::ptrdiff_t>(pending_sent_), bytes.begin(),
                  bytes.end());
}

TlsEngine::Step TlsEngine::failed(int ssl_result) {
  switch (SSL_get_error(ssl_, ssl_result)) {
    case SSL_ERROR_WANT_READ:
      return Step::kWantInput;
    case SSL_ERROR_ZERO_RETURN:
      return Step::kEnded;
    default:
      break;
  }
  broken_ = true;
  const long verdict = SSL_get_verify_result(ssl_);
  if (!is_server_ && !established_ && verdict != X509_V_OK) {
    ERR_clear_error();
    error_ = Error(Errc::kRejected,
                   std::string("certificate refused: ") + X509_verify_cert_error_string(verdict));
  } else {
    error_ = Error(Errc::kDisconnected, "TLS: " + take_tls_error());
  }
  return Step::kFailed;
}

int TlsEngine::give_input(char* out, int size) {
  if (in_size_ == 0 || size <= 0) return -1;
  // Whole records only, once the handshake is over: so OpenSSL holds no buffer of its own for the
  // beginning of a record that a slow peer has not finished.
  if (established_ && header_size_ == 0 && !holds_record(in_, in_size_)) return -1;
  const std::size_t n = std::min(static_cast<std::size_t>(size), in_size_);
  std::memcpy(out, in_, n);
  follow_records(in_, n);
  in_ += n;
  in_size_ -= n;
  return static_cast<int>(n);
}

void TlsEngine::follow_records(const std::byte* data, std::size_t size) noexcept {
  while (size > 0) {
    std::size_t n = 0;
    if (header_size_ < kHeader) {
      n = std::min(kHeader - header_size_, size);
      std::copy_n(octets(data), n, header_.data() + header_size_);
      header_size_ += n;
      if (header_size_ == kHeader) body_left_ = std::size_t{header_[3]} << 8 | header_[4];
    } else {
      n = std::min(body_left_, size);
      body_left_ -= n;
    }
    if (header_size_ == kHeader && body_left_ == 0) header_size_ = 0;
    data += n;
    size -= n;
  }
}

int TlsEngine::take_output(const char* data, int size) {
  const auto n = static_cast<std::size_t>(size);
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  if (sink_.size() - sink_size_ >= n) {
    std::memcpy(sink_.data() + sink_size_, bytes, n);
    sink_size_ += n;
  } else {
    pending_.insert(pending_.end(), bytes, bytes + n);
  }
  return size;
}

}  // namespace sluice::net
