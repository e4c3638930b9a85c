// pgsync_create_slot(name) -> (slot_name, lsn): the server's pg_create_logical_replication_slot for
// this plugin. Not an SQL function around it: while the server's waits for its starting point it
// may run invalidations in a subtransaction, and it leaves the transaction's resource owner behind.
// Called from a statement nobody minds; called from inside of any function the statement then ends
// with "snapshot reference is not owned by resource owner".
#include "decoder/pg.h"

namespace pgsync {
namespace {

Datum CreateSlot(Name name) {
  const ResourceOwner caller = CurrentResourceOwner;
  NameData plugin;
  namestrcpy(&plugin, "pgsync");
  FmgrInfo function;
  fmgr_info(F_PG_CREATE_LOGICAL_REPLICATION_SLOT, &function);
  LOCAL_FCINFO(call, FUNC_MAX_ARGS);
  InitFunctionCallInfoData(*call, &function, function.fn_nargs, InvalidOid, nullptr, nullptr);
  call->args[0] = {NameGetDatum(name), false};
  call->args[1] = {NameGetDatum(&plugin), false};
  // temporary, two-phase, failover: as many as this version has. Standbys that synchronize slots
  // keep ours; on a standby itself there are no failover slots.
  constexpr int kFailover = 4;
  const bool kept = !RecoveryInProgress();
  for (int i = 2; i < function.fn_nargs; ++i) {
    call->args[i] = {BoolGetDatum(i == kFailover && kept), false};
  }
  const Datum row = FunctionCallInvoke(call);
  CurrentResourceOwner = caller;
  return row;
}

}  // namespace
}  // namespace pgsync

#pragma GCC visibility push(default)
extern "C" {
PG_FUNCTION_INFO_V1(pgsync_create_slot);
}
#pragma GCC visibility pop

Datum pgsync_create_slot(PG_FUNCTION_ARGS) { return pgsync::CreateSlot(PG_GETARG_NAME(0)); }
