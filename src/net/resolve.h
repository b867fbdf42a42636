// Host name → addresses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "base/time.h"
#include "net/socket.h"

namespace sluice::net {

// Address literals are answered at once; names go to the system's resolver on a thread of Asio's
// own. The deadline holds even while that thread hangs in a name server's silence; the late answer
// is dropped. Never empty on success.
// Errors: kUnavailable (unknown name, no name server), kTimedOut.
Task<Result<std::vector<SocketAddress>>> resolve(Executor executor, std::string host,
                                                 std::uint16_t port, Deadline deadline);

}  // namespace sluice::net
