"""The checks can fail: each planted fault is found, and right code is left alone."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check_coawait  # noqa: E402
import check_layers  # noqa: E402

RULES = check_layers.read_table("""
| Layer | Module | What it is | may include |
|---|---|---|---|
| L0 | `base` | x | – |
| L1 | `wire` | x | – |
| L1 | `core` | x | wire |
| L2 | `ports` | x | core, wire |
| L3 | `engine` | x | ports, core, wire |
| L3 | `http` | x | engine, ports, core, wire |
| L4 | `net` | x | ports, core, wire |
| L4 | `config` | x | the `options.h` of every module |
| L5 | `gateway` | x | everything |
""")


def layers(path, text):
    return [what for _, _, what in check_layers.check_file(path, text, RULES)]


class Layers(unittest.TestCase):
    def test_right_code_passes(self):
        for path, text in [
                ("src/core/a.cc", '#include "core/a.h"\n#include "wire/b.h"\n#include <vector>\n'),
                ("src/http/a.cc", '#include "engine/upload_service.h"\n#include "base/task.h"\n'),
                ("src/config/a.h", '#include "engine/options.h"\n#include "ports/log.h"\n'),
                ("src/gateway/a.cc", '#include "net/x.h"\n#include "config/y.h"\n'),
                ("apps/sluice/main.cc", '#include "gateway/gateway.h"\n#include "local.h"\n'),
                ("src/net/clock.cc", "auto now = std::chrono::steady_clock::now();"),
                ("src/engine/a.cc", "// std::chrono::steady_clock::now() is forbidden\n"
                                    'auto text = "getenv(\\"x\\")"; auto n = 1\'000\'000;\n'
                                    "std::this_thread::yield(); operand(1); x.random_bytes(3);\n"),
                ("src/engine/a_test.cc", "std::thread t; std::random_device d;"),
                ("src/net/threads.cc", "std::thread t(f);")]:
            with self.subTest(path=path, text=text):
                self.assertEqual(layers(path, text), [])

    def test_every_planted_fault_is_found(self):
        for path, text in [
                ("src/core/a.cc", '#include "ports/clock.h"'),
                ("src/core/a.cc", '#include "base/task.h"'),
                ("src/wire/a.cc", "#include <boost/asio/awaitable.hpp>"),
                ("src/wire/a.cc", '#include "core/a.h"'),
                ("src/engine/a.cc", '#include "http/server.h"'),
                ("src/engine/a.cc", '#include "net/socket.h"'),
                ("src/http/a.cc", '#include "engine/live_upload.h"'),
                ("src/config/a.cc", '#include "engine/upload_service.h"'),
                ("src/base/a.cc", '#include "core/a.h"'),
                ("apps/sluice/main.cc", '#include "engine/options.h"'),
                ("src/novel/a.cc", ""),
                ("src/engine/a.cc", "auto t = std::chrono::system_clock::now();"),
                ("src/hooks/a.cc", ""),  # not in this table
                ("src/engine/a.cc", "int x = rand();"),
                ("src/engine/a.cc", "std::random_device d;"),
                ("src/core/a.cc", 'auto* home = std::getenv("HOME");'),
                ("src/engine/a.cc", "std::thread t(f);"),
                ("src/http/a.h", "std::vector<std::jthread> all;"),
                ("src/engine/a.cc", "std::uniform_int_distribution<int> d(0, 1);"),
                ("src/core/a.cc", "std::shuffle(a.begin(), a.end(), g);"),
                ("src/engine/a.cc", "auto t = time(nullptr);")]:
            with self.subTest(path=path, text=text):
                self.assertEqual(len(layers(path, text)), 1, layers(path, text))

    def test_the_real_table_is_understood(self):
        rules = check_layers.read_table((check_layers.ROOT / "docs/architecture.md").read_text())
        self.assertEqual(rules["core"], (1, {"wire"}))
        self.assertEqual(rules["gateway"], (5, None))
        self.assertEqual(rules["config"], (4, {"*/options.h"}))
        for module in (check_layers.ROOT / "src").iterdir():
            if module.is_dir():
                self.assertIn(module.name, rules)


GOOD = [
    "co_await f(a, b);",
    "co_return co_await f(std::move(a));",
    "auto x = co_await f(a);",
    "const bool ok = co_await object->method(a, b + 1);",
    "std::vector<int> v = co_await g();",
    "auto [a, b] = co_await g();",
    "x = co_await f();",
    "this->x_ = co_await f();",
    "if (a) co_await f(b);",
    "if (a && g(b)) x = co_await f(b);",
    "else co_await f();",
    "for (const auto& x : list) co_await f(x);",
    "while (true) { co_await f(); }",
    "case Kind::kA: co_await f();",
    "default: co_return co_await f();",
    "SLUICE_CO_TRY(auto x, co_await f(a));",
    "SLUICE_CO_TRY(const auto bytes, co_await store_->get(key, range));",
    "SLUICE_CO_TRY_OK(co_await f(a));",
    "co_await (f(a) || g(b));",
    "static_cast<void>(co_await f(a));",
    "auto x = co_await list[i];",
    "auto x = co_await boost::asio::this_coro::executor;",
    "// co_await f(Part{1})\nco_await f(part);",
    'co_await f("{?}");',
    'auto x = co_await f(lost ? "lost" : "failed");',
    'co_await f(a ? "b" : "c", d);',
]
BAD = [
    "co_await f(Part{1, etag});",
    "co_await f({a, b});",
    "auto x = co_await f(Part{1});",
    "co_await f([x] { return x; });",
    "co_await [x]() -> Task<> { co_return; }();",
    "auto y = co_await f([&](int i) { return i; }, b);",
    "co_await f(c ? a : b);",
    'co_await f(c ? "a" : b);',
    'co_await f(c ? a : "b");',
    "auto x = c ? co_await f() : 1;",
    "if (co_await f()) g();",
    "while (!co_await f()) {}",
    "switch (co_await f()) { default: break; }",
    "for (auto x = co_await f(); x; ) {}",
    "Part p{co_await g(), 3};",
    "v.push_back(co_await g());",
    "v.push_back(Part{co_await g()});",
    "auto x = co_await f(co_await g());",
    "auto x = a + co_await f();",
    "auto x = (co_await f()).value();",
    "return h(co_await f());",
    "SLUICE_CO_TRY(auto x, co_await f(Part{1}));",
    "SLUICE_CO_TRY(auto x, co_await f(co_await g()));",
    "co_return Part{co_await g()};",
    "co_return h(co_await g());",
]


class CoAwait(unittest.TestCase):
    def wrapped(self, statement):
        return "Task<void> t(int a) {\n  int before = 1;\n  " + statement + "\n  after();\n}\n"

    def test_right_statements_pass(self):
        for statement in GOOD:
            with self.subTest(statement=statement):
                self.assertEqual(check_coawait.check_text(self.wrapped(statement)), [])

    def test_every_bad_statement_is_found(self):
        for statement in BAD:
            with self.subTest(statement=statement):
                problems = check_coawait.check_text(self.wrapped(statement))
                self.assertTrue(problems)
                self.assertEqual(problems[0][0], 3)


if __name__ == "__main__":
    unittest.main()
