// What waits in the kernel's socket buffers is memory, too (limits digest 3 and 11.2 no. 7): thousands
// of slow clients may wait there for as long as the kernel itself has no reason to economize.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::net {

// Low-water mark that is always affordable, bytes.
inline constexpr std::size_t kLowWaterModest = 16U << 10;

// All TCP sockets of the system together hold less than the kernel is unconcerned about, and less
// than an eighth of what this process' control group may use. Looked at once a second. Any thread.
bool receive_memory_plentiful() noexcept;

// Pages that TCP sockets hold, of the text of /proc/net/sockstat.
std::optional<std::uint64_t> tcp_pages(std::string_view sockstat) noexcept;

}  // namespace sluice::net
