// Top-level keys of a document that are more than a value: id, plugins. Offline.
#pragma once

#include <string>

#include "consumer/schema/file_data.h"

namespace schema {

void ReadId(const Json& value, const std::string& path, DocumentSpec* document, Findings* findings);

// This version knows no plugin: every name is refused, or skipped when the user says so.
void ReadPlugins(const Json& value, bool skip, const std::string& path, Findings* findings);

}  // namespace schema
