#include "exchange/mesh_dump.h"

#include "exchange/test_gather.h"

namespace sluice::exchange {
namespace {

using MeshDumpTest = GatherTest;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(MeshDumpTest, TellsTheWordsOfAStreamThatRunsAndNothingOfOneThatWasNeverAskedFor) {
  EXPECT_FALSE(has(dump_mesh(mesh[0]), "stream"));
  const auto reader = input(mesh[0].epoch());
  reader->start();
  ASSERT_EQ(service.poll(), 1U);
  ASSERT_EQ(push("a row"), PushResult::kDone);
  const std::string text = dump_mesh(mesh[0]);
  EXPECT_TRUE(has(text, "epoch 1, members {0 1} sealed, dead {}, open\n")) << text;
  EXPECT_TRUE(has(text, "stream 0, 1 to 0: want 1 START, have 1 OPEN, read 0, written 64")) << text;
  EXPECT_FALSE(has(text, "stream 0, 0 to 0")) << text;
}

TEST_F(MeshDumpTest, TellsWhoFailedWhoIsGoneAndWhoWasRung) {
  mesh[1].fail(base::ErrorKind::kQuery, "division by zero");
  mesh[0].mark_dead(kWorker);
  const std::string text = dump_mesh(mesh[1]);
  EXPECT_TRUE(has(text, "dead {1}, open\nfirst error: seat 1: division by zero\n")) << text;
  EXPECT_TRUE(has(text, "seat 0 running, rung by {0 1}\n")) << text;
  EXPECT_TRUE(has(text, "stream 0, 1 to 0: want 0 NONE, have forever CLOSED")) << text;
}

}  // namespace
}  // namespace sluice::exchange
