// For tests: the upload listener with one client, in the test's world; what stands behind it is the
// test's.
#pragma once

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/block_pool.h"
#include "base/task_scope.h"
#include "http/http_server.h"
#include "http/testing/world.h"
#include "http/upload_handler.h"

namespace sluice::http::testing {

class UploadListenerTest : public ::testing::Test {
 protected:
  // Both outlive the listener: stop_server() in the test's own destructor.
  void serve(App* app, Uploads* behind) {
    UploadHandler::Services uploads;
    uploads.clock = &clock_;
    uploads.random = &random_;
    uploads.log = &log_;
    uploads.app = app;
    uploads.uploads = behind;
    handler_.emplace(uploads, options_, ByteCount(256U << 20));
    Connection::Services services;
    services.executor = world_.executor();
    services.clock = &clock_;
    services.random = &random_;
    services.log = &log_;
    services.metrics = &metrics_;
    services.pool = &pool_;
    services.handler = &*handler_;
    server_.emplace(services, options_);
    client_.emplace(&world_);
    server_->serve(client_->stream());
    world_.run();
  }
  void stop_server() {
    if (!server_) return;
    tasks_.spawn(server_->drain(Deadline(world_.now)));
    world_.run();
    server_.reset();
  }
  Reply reply(bool to_head = false) {
    const auto replies = parse_replies(client_->take(), to_head);
    EXPECT_EQ(replies.size(), 1U);
    return replies.empty() ? Reply() : replies.front();
  }

  World world_;
  FakeClock clock_{&world_};
  FakeRandom random_;
  FakeLog log_;
  FakeMetrics metrics_;
  BlockPool pool_{ByteCount(4U << 20)};
  HttpOptions options_;
  std::optional<UploadHandler> handler_;
  std::optional<HttpServer> server_;
  std::optional<Client> client_;
  TaskScope tasks_{world_.executor()};
};

}  // namespace sluice::http::testing
