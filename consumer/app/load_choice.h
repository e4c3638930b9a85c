// LoadChoice: which documents of the file `load` is about: --only and --tables.
#pragma once

#include <vector>

#include "consumer/app/config.h"
#include "consumer/base/result.h"
#include "consumer/schema/schema.h"

namespace app {

// REQUIRES: file.ok(). kUsage: an index or a table that no document of the file has, with the
// nearest one that there is.
base::Status CheckLoadChoice(const Config& config, const schema::SchemaFile& file);

// One per tree. Without a choice all are chosen.
std::vector<bool> ChosenDocuments(const Config& config,
                                  const std::vector<schema::DocumentTree>& trees);

}  // namespace app
