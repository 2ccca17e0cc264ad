#include "pg/port/foreign_definition.h"

#include "base/check.h"
#include "pg/border/call.h"

SLUICE_PG_HEADERS_BEGIN
#include <nodes/nodeFuncs.h>
SLUICE_PG_HEADERS_END

namespace sluice::pg {

std::string foreign_definition(std::string_view name, Node* node) {
  const char* text = call([node] { return nodeToString(node); });
  std::string definition(name);
  definition += '\0';
  return definition += text;
}

std::string foreign_node_text(std::string_view definition) {
  const std::size_t end = definition.find('\0');
  SLUICE_CHECK_BYTES(end != std::string_view::npos, "foreign expression without its text");
  return std::string(definition.substr(end + 1));
}

}  // namespace sluice::pg
