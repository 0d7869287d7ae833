// Gives the client's calls of abi.h names of our own in the one source that defines them, abi.cc:
// the names of abi.h belong to core.cc here, which decides whose library they go to.
// They are those of abi_calls.def: one that were missing here would be defined twice, and a name too many by nobody,
// and the libraries would not link. Called by: the build, by -include for abi.cc.
#pragma once

#define notch_v1_define notch_own_define
#define notch_v1_series notch_own_series
#define notch_v1_add_integer notch_own_add_integer
#define notch_v1_add_float notch_own_add_float
#define notch_v1_set_gauge notch_own_set_gauge
#define notch_v1_add_gauge notch_own_add_gauge
#define notch_v1_drop_not_finite notch_own_drop_not_finite
#define notch_v1_drop_negative notch_own_drop_negative
#define notch_v1_native_cell notch_own_native_cell
#define notch_v1_exemplar notch_own_exemplar
#define notch_v1_reserve notch_own_reserve
#define notch_v1_health notch_own_health
