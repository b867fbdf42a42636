// Options of the HTTP front.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::http {

struct HttpOptions {
  // Request line and header fields together, bytes. More: 431. Key: http.header_bytes_max.
  std::size_t header_bytes_max = 32U << 10;
  // Time to receive a whole head, ms. Key: http.header_timeout.
  std::chrono::milliseconds header_timeout{20'000};
  // An idle kept-alive connection is closed after this, ms. Key: http.idle_timeout.
  std::chrono::milliseconds idle_timeout{75'000};
  // A body must make progress: at least one byte in this time, ms. Never a limit on the whole
  // transfer. Key: http.body_timeout.
  std::chrono::milliseconds body_timeout{60'000};
  // Time for a client to take an answer, ms. Key: http.write_timeout.
  std::chrono::milliseconds write_timeout{30'000};
  // After an early refusal: what is read and thrown away before the connection is closed, so that
  // the client sees the answer. Bytes and ms. Keys: http.drain_bytes, http.drain_time.
  std::size_t drain_bytes = 256U << 10;
  std::chrono::milliseconds drain_time{1'000};
  // Connections at once; more are refused with 503. Key: http.connections_max.
  std::size_t connections_max = 10'000;
  // Bytes of one receive call. Key: http.receive_batch.
  std::size_t receive_batch = 4U << 20;

  // Origins that browsers may upload from; "*" allows all. Empty: no CORS. Key: cors.origins.
  std::vector<std::string> cors_origins;

  // Where uploads are accepted, and in which dialect: "default", "vimeo" or "tus". Key:
  // route; in the file [[route]] prefix = "/vimeo/" dialect = "vimeo".
  enum class Speaks : std::uint8_t { kPut308, kVimeo, kTus };
  struct Route {
    std::string prefix = "/upload/";  // begins and ends with '/'
    Speaks speaks = Speaks::kPut308;
  };
  std::vector<Route> routes{Route{}, Route{"/files/", Speaks::kTus}};

  // Where a form may send the browser afterwards: beginnings of absolute addresses, each with a
  // slash behind its host. Key: form.redirects.
  std::vector<std::string> form_redirects;
  // The bucket that Google's JSON upload API may name; "*" any, empty: its addresses are not
  // served. Key: google.bucket.
  std::string google_bucket;

  // Believe X-Forwarded-Proto and X-Forwarded-Host, when answers hold absolute addresses. Only
  // behind a proxy that sets them: clients can send them, too. Key: http.forwarded.
  bool forwarded = false;

  // Send interim answers (104) to clients of the IETF protocol that ask for them. Some proxies break
  // on them. Key: http.interim.
  bool interim = true;

  // Given to the application's authorize call, ms. Key: auth.timeout is the hook's own; this is the
  // front's outer limit.
  std::chrono::milliseconds auth_deadline{15'000};
};

}  // namespace sluice::http
