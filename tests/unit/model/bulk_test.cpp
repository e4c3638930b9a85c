#include "consumer/model/bulk.h"

#include <gtest/gtest.h>

#include <string>

namespace model {
namespace {

TEST(BulkRequest, FindsItsItemsInTheBody) {
  BulkRequest request;
  const std::string index_action = "{\"index\":{\"_id\":\"1\"}}\n", document = "{\"a\":1}\n";
  const std::string delete_action = "{\"delete\":{\"_id\":\"2\"}}\n";
  request.body = index_action + document + delete_action;
  BulkItem index;
  index.document_offset = index_action.size();
  index.end_offset = index_action.size() + document.size();
  BulkItem deletion;
  deletion.kind = BulkItem::Kind::kDelete;
  deletion.action_offset = index.end_offset;
  deletion.document_offset = deletion.end_offset = request.body.size();
  EXPECT_EQ(request.Document(index), "{\"a\":1}");
  EXPECT_EQ(request.Text(index), index_action + document);
  EXPECT_EQ(request.Document(deletion), "");
  EXPECT_EQ(request.Text(deletion), delete_action);
}

}  // namespace
}  // namespace model
