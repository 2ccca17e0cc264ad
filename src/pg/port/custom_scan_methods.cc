#include "pg/port/custom_scan_methods.h"

namespace sluice::pg {

CustomScanMethods custom_scan_methods{};

}  // namespace sluice::pg
