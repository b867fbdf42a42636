// A blocking socket that can throw bytes away without looking at them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/checksum.h"

namespace sluice::sink {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // More bytes behind those in `buffer`. False: the peer is gone.
  bool receive_more(std::string& buffer);
  bool send_all(std::string_view bytes);

  // Drops the next bytes inside the kernel (MSG_TRUNC), unless somebody wants them: with `checksum`
  // reads and adds them to it, with `kept` appends them there.
  // `rate`: bytes per second, 0: no limit. False: the peer is gone.
  bool discard(std::uint64_t bytes, std::uint64_t rate, wire::Checksum* checksum,
               std::string* kept);

  // The peer sees a reset instead of an end.
  void reset_on_close();

 private:
  const int fd_;
};

}  // namespace sluice::sink
