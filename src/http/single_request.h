// Uploads that live in one request: nobody but this client, on this connection, knows their name.
#pragma once

#include <string>

#include "base/result.h"
#include "base/task.h"
#include "core/command.h"
#include "core/problem.h"
#include "engine/body_source.h"
#include "http/uploads.h"
#include "ports/random.h"

namespace sluice::http {

// 128 bits nobody can guess, fit for an address.
std::string fresh_name(Random* random);

// Runs an append that is the whole upload. What is not complete at its end is cancelled, so that
// nothing is left of it. Outcome: Complete, Refused or ClientGone.
Task<core::Outcome> run_whole(Uploads* uploads, core::Command command, core::Grant grant,
                              engine::BodySource* body);

// Why a body could not be read, as an outcome. Refusals leave the body unread.
core::Outcome outcome_of(const Error& error);

}  // namespace sluice::http
