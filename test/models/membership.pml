// M4: membership and seal. The leader seals as soon as it has launched, with all workers as members, and
// serves; workers come late, never, leave again or vanish at any point; the leader may itself give up at
// any time. Before it sleeps it looks whether those who have not come still can.
//
//   WORKERS     beside the leader, seat 0
//   CALM        the leader does not give up
//   STEADY      workers come or never start, but are not killed
//   UNEXPECTED  the leader seals without the last worker, which comes all the same
//
// All words here are changed by locked operations, so that no store buffers are needed.
//
// Properties: nobody waits for ever; all members see the same members and these never change after
// the seal; who is refused never serves; who is expected and lives is not refused; the leader takes
// nobody for lost who has come.
// Mutations: JOIN_AFTER_SEAL, REFUSE_AFTER_SEAL, PLAIN_JOIN, PLAIN_BURY, PLAIN_SEAL, NO_RING_AFTER_SEAL,
//   NO_LOOK, LOOK_BEFORE_RESET, NO_SECOND_LOOK, SEAT_BEFORE_CALLBACK, NO_MARK_DEAD, NO_RING_FOR_DEATH,
//   NO_RING_AFTER_CLOSE.

#ifndef WORKERS
#define WORKERS 2
#endif
#define SEATS (WORKERS + 1)
#define BIT(seat) (1 << (seat))
#define SEAL 1
#define EVERYBODY ((1 << SEATS) - 1 - SEAL)
#ifdef UNEXPECTED
#define EXPECTED (EVERYBODY & ~BIT(WORKERS))
#else
#define EXPECTED EVERYBODY
#endif

byte membership;  // bit 0: sealed; bit n: seat n
byte dead;
bool query_closed;
bool bell[SEATS];
bool parked;            // the leader
bool latch;             // the leader's
bool seated[SEATS];     // its process's number is in the segment
bool answered[SEATS];   // stands for the last `have` of a worker's streams
bool stopped[SEATS];    // what the server says of a worker
bool dying[SEATS];      // a worker's fate
byte members;           // as the leader sealed them; 0 before

// Two steps of the ringer are one here, for wake_up proves the doorbell. A worker's latch is its bell.
// src/exchange/doorbell.cc:Doorbell::ring
inline ring(peer) {
  atomic { bell[peer] = true; latch = latch || (peer == 0 && parked) }
}

// src/exchange/mesh.cc:Mesh::ring_all
inline ring_all() {
  i = 0;
  do
  :: atomic {
       i < SEATS ->
       bell[i] = bell[i] || i != me;
       latch = latch || (i == 0 && me != 0 && parked);
       i++
     }
  :: atomic { i == SEATS -> i = 0 } -> break
  od
}

// src/exchange/doorbell.cc:Doorbell::take
inline take() { bell[me] = false }

// A worker's.
// src/exchange/doorbell.cc:Doorbell::park
inline park() { bell[me] }

// Losing a compare-and-swap means to look again, so that one step stands for the loop.
// src/exchange/membership.cc:Membership::join
inline join() {
#ifdef PLAIN_JOIN
  atomic {
    seen = membership;
    joined = ((dead & BIT(me)) == 0 && ((seen & SEAL) == 0 || (seen & BIT(me)) != 0))
  };
  if
  :: joined && (seen & SEAL) == 0 -> membership = seen | BIT(me)
  :: else
  fi
#else
  atomic {
#if defined(JOIN_AFTER_SEAL)
    joined = true;
#elif defined(REFUSE_AFTER_SEAL)
    joined = ((membership & SEAL) == 0 && (dead & BIT(me)) == 0);
#else
    joined = ((dead & BIT(me)) == 0 && ((membership & SEAL) == 0 || (membership & BIT(me)) != 0));
#endif
    membership = (joined && (membership & SEAL) == 0 -> membership | BIT(me) : membership);
  }
#endif
}

// src/exchange/membership.cc:Membership::bury
inline bury() {
  dead = dead | BIT(me);
#ifdef PLAIN_BURY
  seen = membership;
  if
  :: (seen & SEAL) == 0 -> membership = seen & ~BIT(me)
  :: else
  fi
#else
  atomic {
    membership = ((membership & SEAL) == 0 -> membership & ~BIT(me) : membership);
  }
#endif
}

// src/exchange/mesh.cc:Mesh::mark_dead
inline mark_dead() {
  bury();
  if
  :: me == 0 -> query_closed = true
  :: else -> answered[me] = true  // `have` = CLOSED for ever
  fi;
#ifndef NO_RING_FOR_DEATH
  ring_all()
#endif
}

// src/pg/worker/worker_main.cc:await_seal
inline await_seal() {
  do
  :: take();
     if
     :: (membership & SEAL) != 0 || query_closed -> break
     :: else -> park()
     fi
  od
}

// Rounds of a member. It answers once, whenever it likes.
// src/engine/seat_runtime.cc:SeatRuntime::serve
// src/engine/scheduler.cc:Scheduler::check_peers
inline serve() {
  // src/engine/seat_runtime.cc:SeatRuntime::Impl::learn_members
  atomic {
    assert((membership & BIT(me)) != 0);  // who is refused never serves
    assert(membership == members)         // all see the same members
  };
  do
  :: take();
     if
     :: query_closed -> break
     :: !query_closed && (dead & members & ~SEAL) != 0 -> break
     :: else
     fi;
     if
     :: !answered[me] -> answered[me] = true; ring(0)
     :: else -> park()
     fi
  od
}

// src/pg/worker/worker_main.cc:take_seat
// src/pg/port/latch_waker.cc:LatchWaker::take_seat
// src/pg/worker/worker_main.cc:run
inline work() {
#ifdef SEAT_BEFORE_CALLBACK
  seated[me] = true;
  callback = true;
#else
  callback = true;
  seated[me] = true;
#endif
  join();
  if
  :: joined ->
     await_seal();
     if
     :: !query_closed -> serve()
     :: query_closed
     fi
  :: !joined ->
     assert((EXPECTED & BIT(me)) == 0)  // who is expected and lives is not refused
  fi
}

// From the launch to the server's notice that the worker has stopped.
// src/pg/worker/worker_main.cc:segment_detached
proctype worker(byte me) {
  byte i, seen;
  bool joined, callback;
  if
  :: true -> skip  // never starts, or fails before it is attached
  :: true ->
     { work() } unless { dying[me] };
     atomic { i = 0; seen = 0; joined = false };
#ifndef NO_MARK_DEAD
     if
     :: callback -> mark_dead()
     :: else
     fi
#else
     skip
#endif
  fi;
  // Environment: the postmaster notes the end, then signals the leader.
  stopped[me] = true;
  latch = true
}

// Environment: a worker is killed by FATAL at any point, or not.
proctype fate(byte me) {
#ifndef STEADY
  if
  :: dying[me] = true
  :: true
  fi
#else
  skip
#endif
}

// One that has gone before it took its seat is lost, and with it the query.
// src/pg/launch/arrival_watch.cc:ArrivalWatch::look_for_missing
inline look_for_missing() {
#ifdef NO_LOOK
  skip
#else
  i = 1;
  do
  :: i < SEATS ->
     if
     :: (missing & BIT(i)) == 0
     :: (missing & BIT(i)) != 0 && seated[i] -> missing = missing & ~BIT(i)
     :: (missing & BIT(i)) != 0 && !seated[i] ->
        if
        :: atomic {
             stopped[i] ->
#ifdef NO_SECOND_LOOK
             lost = true;
             assert(!seated[i])  // the leader takes nobody for lost who has come
#else
             lost = lost || !seated[i]
#endif
           }
        :: else
        fi
     fi;
     i++
  :: i == SEATS -> i = 0; break
  od
#endif
}

// src/pg/launch/arrival_watch.cc:ArrivalWatch::reset
inline reset() {
#ifdef LOOK_BEFORE_RESET
  look_for_missing();
  latch = false
#else
  latch = false;
  look_for_missing()
#endif
}

// src/exchange/doorbell.cc:Doorbell::park
inline park_leader() {
  reset();
  if
  :: lost
  :: !lost ->
     parked = true;
     if
     :: bell[0]
     :: !bell[0] -> latch
     fi;
     parked = false
  fi
}

// src/pg/launch/crew.cc:Crew::assemble
// src/exchange/membership.cc:Membership::seal
// src/exchange/mesh.cc:Mesh::seal
inline seal() {
#ifdef PLAIN_SEAL
  seen = membership;
  atomic { membership = seen | SEAL | (EXPECTED & ~dead); members = membership; seen = 0 };
#else
  seen = dead;
  atomic { membership = membership | SEAL | (EXPECTED & ~seen); members = membership; seen = 0 };
#endif
#ifndef NO_RING_AFTER_SEAL
  ring_all()
#endif
}

#define ANSWERED(seat) ((members & BIT(seat)) == 0 || answered[seat])

// Waits for all members' answers, or for the death of one. It learns of a death by its bell.
// src/engine/seat_runtime.cc:SeatRuntime::pull
// src/engine/scheduler.cc:Scheduler::run
inline pull() {
  rung = true;  // the first round
  do
  :: atomic { rung = rung || bell[0]; take() };
     if
     :: rung && (dead & members & ~SEAL) != 0 -> break
     :: else
     fi;
     rung = false;
     atomic { came = true; i = 1 };
     do
     :: atomic { i < SEATS -> came = came && ANSWERED(i); i++ }
     :: atomic { i == SEATS -> i = 0 } -> break
     od;
     if
     :: came -> break
     :: else -> park_leader()
     fi;
     if
     :: lost -> break
     :: else
     fi
  od
}

// src/pg/launch/crew.cc:Crew::await_workers
// src/pg/launch/crew.cc:Crew::everybody_stopped
inline await_workers() {
  do
  :: reset();
     atomic { came = true; i = 1 };
     do
     :: atomic { i < SEATS -> came = came && stopped[i]; i++ }
     :: atomic { i == SEATS -> i = 0 } -> break
     od;
     if
     :: came || lost -> break
     :: else -> latch
     fi
  od
}

bool cancelled;

// An error's way out does not look: the server ends the workers itself.
// src/pg/leader/leader_run.cc:LeaderRun::start
// src/exchange/mesh.cc:Mesh::close_query
// src/pg/launch/crew.cc:Crew::dismiss
// src/pg/leader/leader_run.cc:LeaderRun::lose
proctype leader() {
  byte me, i, seen, missing;
  bool came, lost, rung;
  {
    missing = EXPECTED;
    seal();
    pull();
    if
    :: lost
    :: !lost ->
       query_closed = true;
#ifndef NO_RING_AFTER_CLOSE
       ring_all();
#endif
       await_workers()
    fi
  } unless {
    cancelled
  };
  if
  :: cancelled || lost ->
     atomic { came = false; seen = 0; rung = false; parked = false; query_closed = true };
     ring_all();
     mark_dead()
  :: else
  fi;
  i = 1;
  do
  :: atomic { i < SEATS && stopped[i] -> i++ }
  :: i == SEATS -> break
  od;
  assert(members == 0 || membership == members)  // after the seal the members never change
}

// Environment: the user cancels, or not.
proctype user() {
#ifndef CALM
  if
  :: cancelled = true
  :: true
  fi
#else
  skip
#endif
}

// Model: the configuration.
init {
  byte seat;
  atomic {
    run leader();
    run user();
    seat = 1;
    do
    :: seat < SEATS -> run worker(seat); run fate(seat); seat++
    :: else -> break
    od
  }
}
