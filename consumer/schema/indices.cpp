#include "consumer/schema/indices.h"

#include "consumer/schema/file_data.h"

namespace schema {

std::vector<std::string> Indices(const SchemaFile& file) {
  std::vector<std::string> indices;
  for (const DocumentSpec& document : file.data().documents) indices.push_back(document.index);
  return indices;
}

}  // namespace schema
