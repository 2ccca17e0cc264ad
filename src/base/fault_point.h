// Places where a test may make a seat fail, sleep or die. A build without SLUICE_FAULT_POINTS has
// none of them.
#pragma once

#include <cstdint>

namespace sluice::base {

/// Every place that is marked, by the step of the protocol it stands in. docs/testing.md lists what
/// the storms do there.
#define SLUICE_FAULT_POINT_LIST(X)                                                     \
  X(kLaunchBegin)     /* leader: before anything shared exists */                      \
  X(kLaunchFormatted) /* leader: the shared region is formatted, no worker launched */ \
  X(kLaunched)        /* leader: workers asked for, not sealed yet */                  \
  X(kSealed)          /* leader: the membership is sealed */                           \
  X(kWorkerStart)     /* worker: in the server, not attached yet */                    \
  X(kWorkerAttached)  /* worker: attached, not joined */                               \
  X(kWorkerJoined)    /* worker: joined, the plan not decoded */                       \
  X(kPlanDecoded)     /* any seat: procedures are being registered */                  \
  X(kStreamStart)     /* consumer: before START is stored */                           \
  X(kStreamStarted)   /* consumer: START is stored, the bell not rung */               \
  X(kStreamClose)     /* consumer: before CLOSE is stored */                           \
  X(kStreamClosed)    /* consumer: CLOSE is stored, the bell not rung */               \
  X(kProcedureStart)  /* producer: START seen, the procedure not run */                \
  X(kOutputOpened)    /* producer: OPEN is stored */                                   \
  X(kRecordReserved)  /* producer: bytes reserved, not committed */                    \
  X(kRecordCommitted) /* producer: committed, the bell not rung */                     \
  X(kRingFull)        /* producer: wish to be woken stored */                          \
  X(kOutputSettled)   /* producer: settled, the bell not rung */                       \
  X(kOutputFinish)    /* producer: before EOS is stored */                             \
  X(kOutputAnswer)    /* producer: before CLOSED is stored */                          \
  X(kRecordLeased)    /* consumer: reads a record in place */                          \
  X(kRecordFreed)     /* consumer: space freed, the producer's wish not read */        \
  X(kPark)            /* any seat: about to sleep, the latch not reset */              \
  X(kParked)          /* any seat: PARKED, no bell seen, not asleep yet */             \
  X(kWoken)           /* any seat: after sleeping */                                   \
  X(kTaskStep)        /* any seat: between two steps of a task */                      \
  X(kScanPage)        /* any seat: before a group of pages is read */                  \
  X(kOperatorMemory)  /* any seat: an operator's arena or array grows */               \
  X(kKeysAdded)       /* any seat: keys in a shared filter, not published */           \
  X(kEpochAdvance)    /* leader: quiescent, before the epoch grows */                  \
  X(kRowReturned)     /* leader: before a row becomes a slot */                        \
  X(kQueryClose)      /* leader: before the query is closed, also by its death */      \
  X(kWorkerLeave)     /* worker: served, before it reports */                          \
  X(kDetoast)         /* any seat: before toasted values are unpacked */               \
  X(kParametersBound) /* leader: run-time constants known, nothing shared yet */       \
  X(kAbandoned)       /* leader: the run is given up, its end not begun */             \
  X(kErrorAwaited)    /* leader: a worker failed, its report not read */               \
  X(kDismissed)       /* leader: the workers have left, the region is there */

enum class FaultPoint : std::uint8_t {
#define SLUICE_FAULT_POINT_ENUM(name) name,
  SLUICE_FAULT_POINT_LIST(SLUICE_FAULT_POINT_ENUM)
#undef SLUICE_FAULT_POINT_ENUM
      kCount
};

/// The point's name as in the list, without the k: "RingFull".
[[nodiscard]] const char* name_of(FaultPoint point) noexcept;

/// What a test has a seat do at a point. May throw where `may_throw`, may return, may not return.
/// Runs in: the thread that passes the point.
using FaultHandler = void (*)(FaultPoint point, bool may_throw);

/// Sets the process's handler; null: none. Not to be changed while seats run.
void set_fault_handler(FaultHandler handler) noexcept;
void pass_fault_point(FaultPoint point);                    // where an Error may be thrown
void pass_fault_point_noexcept(FaultPoint point) noexcept;  // where nothing may be

}  // namespace sluice::base

#ifdef SLUICE_FAULT_POINTS
#define SLUICE_FAULT_POINT(name) ::sluice::base::pass_fault_point(::sluice::base::FaultPoint::name)
#define SLUICE_FAULT_POINT_NOEXCEPT(name) \
  ::sluice::base::pass_fault_point_noexcept(::sluice::base::FaultPoint::name)
#else
#define SLUICE_FAULT_POINT(name) static_cast<void>(0)
#define SLUICE_FAULT_POINT_NOEXCEPT(name) static_cast<void>(0)
#endif
