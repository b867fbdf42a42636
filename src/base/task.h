// Task<T>: a coroutine on Asio. Everything above L4 runs on any executor: Asio's io_context in
// production, the simulator's queue in tests.
//
// A coroutine owns what it touches: parameters are taken by value, services by raw pointer whose
// owner outlives every task. This header refuses parameters that borrow memory, and aggregates
// with destructors, which g++ 12 destroys twice.
#pragma once

#include <coroutine>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace sluice {

using Executor = boost::asio::any_io_executor;

template <class T>
using Task = boost::asio::awaitable<T, Executor>;

namespace detail {
template <class A>
inline constexpr bool kIsSpan = false;
template <class T, std::size_t N>
inline constexpr bool kIsSpan<std::span<T, N>> = true;

template <class A>
inline constexpr bool kBorrows =
    std::is_same_v<std::remove_cvref_t<A>, std::string_view> || kIsSpan<std::remove_cvref_t<A>> ||
    std::is_rvalue_reference_v<A> || std::is_same_v<A, const std::string&>;

template <class A>
inline constexpr bool kRiskyAggregate =
    !std::is_reference_v<A> && std::is_class_v<A> && std::is_aggregate_v<A> &&
    !std::is_trivially_destructible_v<A>;
}  // namespace detail

}  // namespace sluice

template <class T, class E, class... A>
  requires((sluice::detail::kBorrows<A> || sluice::detail::kRiskyAggregate<A>) || ...)
struct std::coroutine_traits<boost::asio::awaitable<T, E>, A...> {
  static_assert(!(sluice::detail::kBorrows<A> || ...),
                "coroutine parameter borrows memory: take an owning type by value");
  static_assert(!(sluice::detail::kRiskyAggregate<A> || ...),
                "aggregate coroutine parameter: give the type a constructor (g++ 12)");
  using promise_type = typename std::coroutine_traits<boost::asio::awaitable<T, E>>::promise_type;
};
