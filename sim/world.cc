#include "sim/world.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace sluice::sim {

namespace {

constexpr Duration kCalmTime = std::chrono::hours(2);
constexpr Duration kCleanTime = std::chrono::minutes(20);
constexpr std::uint64_t kStepsMax = 3'000'000;

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

std::string letters(Draw* draw, std::size_t size) {
  std::string text;
  text.reserve(size);
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('!' + draw->between(0, 90));
  return text;
}

}  // namespace

World::World(std::uint64_t seed, bool print) : outside_(seed, print), checker_(&outside_) {
  outside_.checker = &checker_;
  checker_.add_foreign("of-somebody-else", "do not touch");
  checker_.add_foreign(".sluice/not-ours", "do not touch either");
  places_.resize(outside_.settings.processes);
  for (std::uint32_t i = 0; i < outside_.settings.names; ++i) add_name(i);
  for (std::uint32_t i = 0; i < outside_.settings.processes; ++i) start(i);
}

World::~World() = default;

// The clients of one name: either all of one file, which may be sent in ranges by many at once; or
// several versions, each sent as a whole, because ranges of two files would honestly be mixed.
void World::add_name(std::uint32_t number) {
  Draw& draw = outside_.draw;
  const std::uint64_t part = outside_.settings.engine.part_size.value();
  const bool versions = draw.chance(200);
  const std::uint64_t files = versions ? draw.between(2, 3) : 1;
  std::vector<const File*> of_name;
  for (std::uint64_t i = 0; i < files; ++i) {
    auto file = std::make_unique<File>();
    file->id = files_.size();
    file->name = "n" + std::to_string(number);
    // Around the borders of parts more often than elsewhere.
    std::size_t size = draw.between(0, part * 6);
    if (draw.chance(250)) size = part * draw.between(1, 5);
    if (draw.chance(200)) size = draw.between(0, part);
    file->content = letters(&draw, size);
    checker_.add_file(file.get());
    of_name.push_back(file.get());
    files_.push_back(std::move(file));
  }
  if (versions) {
    for (const File* file : of_name) add_client(ClientKind::kPutsWhole, file);
  } else if (!outside_.settings.swarms || !add_swarm(of_name.front())) {
    constexpr ClientKind kSenders[] = {ClientKind::kPutsWhole,   ClientKind::kContinues,
                                       ClientKind::kSendsChunks, ClientKind::kSendsUntilDone,
                                       ClientKind::kSendsChunks, ClientKind::kContinues,
                                       ClientKind::kAppendsExactly, ClientKind::kAppendsExactly};
    const std::uint64_t racing = draw.chance(300) ? draw.between(1, 2) : 0;
    for (std::uint64_t i = 0; i <= racing; ++i) {
      add_client(kSenders[draw.between(0, std::size(kSenders) - 1)], of_name.front());
    }
  }
  if (draw.chance(400)) add_client(ClientKind::kAsks, of_name.front());
  if (draw.chance(120)) add_client(ClientKind::kCancels, of_name.front());
}

// The connections of a parallel upload. True: nobody else sends the file.
bool World::add_swarm(const File* file) {
  Draw& draw = outside_.draw;
  const std::uint64_t connections = draw.between(1, 6);
  for (std::uint64_t i = 0; i < connections; ++i) add_client(ClientKind::kSwarms, file);
  return draw.chance(700);
}

void World::add_client(ClientKind kind, const File* file) {
  std::string name = "c" + std::to_string(clients_.size());
  clients_.push_back(std::make_unique<Client>(
      &outside_, std::move(name), kind, file, [this] { return any_process(); },
      outside_.draw.branch()));
  boost::asio::co_spawn(outside_.context.executor(outside_.lane), clients_.back()->run(), rethrow);
}

void World::start(std::uint32_t place) {
  places_[place].process = std::make_unique<Process>(&outside_, place, outside_.draw.branch());
}

Process* World::any_process() {
  Process* const process = places_[outside_.draw.between(0, places_.size() - 1)].process.get();
  return process;
}

bool World::clients_done() const {
  return std::all_of(clients_.begin(), clients_.end(),
                     [](const auto& client) { return client->done(); });
}

// --- misfortune

void World::meddle() {
  const Settings& s = outside_.settings;
  std::uint64_t dice = outside_.draw.between(0, 999'999);
  const auto falls = [&dice](std::uint64_t rate) {
    if (dice < rate) return true;
    dice -= rate;
    return false;
  };
  if (falls(s.crash_rate)) {
    const auto place = static_cast<std::uint32_t>(outside_.draw.between(0, places_.size() - 1));
    if (crashes_ >= s.crashes_max || !places_[place].process) return;
    if (outside_.draw.chance(800)) {
      crash(place);
    } else {
      replace(place);
    }
  } else if (falls(s.pause_rate)) {
    Process* const process = any_process();
    const Duration pause = outside_.draw.time_up_to(std::chrono::seconds(60));
    if (process == nullptr) return;
    outside_.note(process->name(), "is held", {}, static_cast<std::uint64_t>(pause.count()));
    outside_.context.hold(process->id(), outside_.now() + pause);
  } else if (falls(s.lose_rate)) {
    const std::vector<MultipartId> multiparts = outside_.store.multipart_ids();
    if (multiparts.empty()) return;
    const MultipartId& lost = multiparts[outside_.draw.between(0, multiparts.size() - 1)];
    outside_.note("lifecycle", "aborts", lost.str());
    outside_.store.lose_multipart(lost);
    checker_.multipart_lost(lost);
  } else if (falls(s.jump_rate)) {
    Process* const process = any_process();
    const std::int64_t by = static_cast<std::int64_t>(outside_.draw.between(0, 1'200)) - 600;
    if (process != nullptr) process->jump_clock(std::chrono::seconds(by));
  }
}

void World::crash(std::uint32_t place) {
  ++crashes_;
  places_[place].process->kill();
  places_[place].process.reset();
  const Duration down = outside_.draw.chance(500)
                            ? Duration::zero()
                            : outside_.draw.time_up_to(std::chrono::seconds(20));
  outside_.after(down, [this, place] {
    if (!places_[place].process) start(place);
  });
}

// An orderly restart: the old one drains while the new one works.
void World::replace(std::uint32_t place) {
  ++crashes_;
  leaving_.emplace_back(std::move(places_[place].process));
  Leaving& leaving = leaving_.back();
  leaving.process->shut_down(&leaving.ended);
  start(place);
}

void World::calm_down() {
  outside_.note("world", "calms down");
  outside_.calm = true;
  for (std::uint32_t i = 0; i < places_.size(); ++i) {
    if (!places_[i].process) start(i);
    outside_.context.hold(places_[i].process->id(), outside_.now());
  }
  for (const Leaving& leaving : leaving_) {
    outside_.context.hold(leaving.process->id(), outside_.now());
  }
}

// --- time

template <class Done>
bool World::run_until(Instant end, Done done) {
  while (!outside_.violation) {
    if (done()) return true;
    if (outside_.now() >= end || outside_.context.steps() > kStepsMax) return false;
    if (!outside_.context.step()) return done();
    leaving_.remove_if([](const Leaving& leaving) { return leaving.ended; });
    if (!outside_.calm) meddle();
  }
  return false;
}

void World::pass(Duration time) {
  const Instant end = outside_.now() + time;
  outside_.after(time, [] {});
  static_cast<void>(run_until(end, [] { return false; }));
}

template <class Start>
void World::await(const char* what, Start start) {
  if (outside_.violation) return;
  bool ended = false;
  start(&ended);
  const bool in_time = run_until(outside_.now() + kCleanTime, [&ended] { return ended; });
  if (!in_time) outside_.violate(std::string(what) + " does not end");
}

Verdict World::run() {
  const Instant faulty_until = outside_.now() + outside_.settings.faulty_time;
  outside_.after(outside_.settings.faulty_time, [] {});
  static_cast<void>(run_until(faulty_until, [this] { return clients_done(); }));
  if (!outside_.violation) {
    calm_down();
    const bool through = run_until(outside_.now() + kCalmTime, [this] { return clients_done(); });
    if (!through) {
      for (const Place& place : places_) {
        const BlockPool::Usage usage = place.process->memory();
        outside_.note(place.process->name(), "blocks taken, tasks waiting", {},
                      usage.taken.value() / BlockPool::kBlockBytes, usage.waiting);
      }
      outside_.violate("dead-lock: a persistent client does not get through");
    }
  }

  // Older than every limit of the sweeper. Then twice, because it goes by what it listed.
  if (!outside_.violation) pass(kCalmTime);
  for (int round = 0; round < 2 && !outside_.violation; ++round) {
    await("a sweep", [this](bool* ended) { places_.front().process->sweep(ended); });
    pass(kCleanTime);
    await("a recovery", [this](bool* ended) { places_.front().process->recover(ended); });
    pass(kCleanTime);
  }
  if (!outside_.violation) {
    for (const Place& place : places_) place.process->check_idle();
    if (!leaving_.empty()) outside_.violate("an orderly end does not come");
    checker_.check_end();
  }
  for (Place& place : places_) {
    await("an orderly end", [&place](bool* ended) { place.process->shut_down(ended); });
    if (!outside_.violation) place.process.reset();
  }

  Verdict verdict;
  verdict.violation = outside_.violation;
  verdict.trace_hash = outside_.trace.hash();
  verdict.steps = outside_.context.steps();
  verdict.crashes = crashes_;
  return verdict;
}

}  // namespace sluice::sim
