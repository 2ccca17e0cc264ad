// M4: membership and seal. Workers come late, never, leave again or vanish at any point; the leader
// waits for each to join or stop, seals, and serves; it may itself give up at any time.
//
//   WORKERS   beside the leader, seat 0
//   CALM      the leader does not give up
//   EARLY_SEAL  the leader may seal before all have come, so that some come after the seal
//
// All words here are changed by locked operations, so that no store buffers are needed.
//
// Properties: nobody waits for ever; all members see the same members and these never change after
// the seal; who is refused never serves; who came and lives is a member.
// Mutations: JOIN_AFTER_SEAL, NO_WAKE_AFTER_JOIN, CHECK_BEFORE_RESET, PLAIN_JOIN, PLAIN_BURY,
//   SEAL_AT_ONCE, NO_RING_AFTER_SEAL, WAIT_FOR_JOINS_ONLY, NO_MARK_DEAD, NO_RING_AFTER_CLOSE.

#ifndef WORKERS
#define WORKERS 2
#endif
#define SEATS (WORKERS + 1)
#define BIT(seat) (1 << (seat))
#define SEAL 1

byte membership;  // bit 0: sealed; bit n: seat n
byte dead;
bool query_closed;
bool bell[SEATS];
bool latch;             // the leader's, which waits on it without a doorbell until it seals
bool answered[SEATS];   // stands for the last `have` of a worker's streams
bool stopped[SEATS];    // what the server says of a worker
bool dying[SEATS];      // a worker's fate
byte members;           // as the leader sealed them; 0 before

// The leader is not parked while it assembles: its bell does not set its latch.
// src/exchange/doorbell.cc:Doorbell::ring
inline ring(peer) { bell[peer] = true }

// src/exchange/mesh.cc:Mesh::ring_all
inline ring_all() {
  i = 0;
  do
  :: atomic { i < SEATS -> bell[i] = bell[i] || i != me; i++ }
  :: atomic { i == SEATS -> i = 0 } -> break
  od
}

// src/exchange/doorbell.cc:Doorbell::take
inline take() { bell[me] = false }

// src/exchange/doorbell.cc:Doorbell::park
inline park() { bell[me] }

// Losing a compare-and-swap means to look again, so that one step stands for the loop.
// src/exchange/membership.cc:Membership::join
inline join() {
#ifdef PLAIN_JOIN
  seen = membership;
  joined = ((seen & SEAL) == 0 && (dead & BIT(me)) == 0);
  if
  :: joined -> membership = seen | BIT(me)
  :: else
  fi
#else
  atomic {
#ifdef JOIN_AFTER_SEAL
    joined = true;
#else
    joined = ((membership & SEAL) == 0 && (dead & BIT(me)) == 0);
#endif
    membership = (joined -> membership | BIT(me) : membership);
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
  ring_all()
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

// src/pg/worker/worker_main.cc:run
inline work() {
  join();
  if
  :: joined ->
     ring(0);
#ifndef NO_WAKE_AFTER_JOIN
     // src/pg/port/latch_waker.cc:LatchWaker::wake
     latch = true;
#endif
     await_seal();
     if
     :: !query_closed -> serve()
     :: query_closed
     fi
  :: else
  fi
}

// From the launch to the server's notice that the worker has stopped.
// src/pg/worker/worker_main.cc:take_seat
// src/pg/worker/worker_main.cc:segment_detached
proctype worker(byte me) {
  byte i, seen;
  bool joined;
  if
  :: true -> skip  // never starts, or fails before it is attached
  :: true ->
     { work() } unless { dying[me] };
     atomic { i = 0; seen = 0; joined = false };
#ifndef NO_MARK_DEAD
     mark_dead()
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
  if
  :: dying[me] = true
  :: true
  fi
}

// `joined` is looked at once, then each missing worker.
// src/pg/launch/crew.cc:Crew::everybody_came
inline everybody_came() {
  atomic { seen = membership; came = true; i = 1 };
  do
#ifdef WAIT_FOR_JOINS_ONLY
  :: atomic { i < SEATS -> came = came && (seen & BIT(i)) != 0; i++ }
#else
  :: atomic { i < SEATS -> came = came && ((seen & BIT(i)) != 0 || stopped[i]); i++ }
#endif
  :: atomic { i == SEATS -> i = 0; seen = 0 } -> break
  od
}

// src/pg/launch/crew.cc:Crew::assemble
inline assemble() {
  do
  ::
#ifdef CHECK_BEFORE_RESET
     everybody_came();
     latch = false;
#else
     latch = false;
     everybody_came();
#endif
     if
#if defined(SEAL_AT_ONCE) || defined(EARLY_SEAL)
     :: true -> break
#endif
     :: came -> break
     :: else -> latch
     fi
  od
}

// src/exchange/membership.cc:Membership::seal
// src/exchange/mesh.cc:Mesh::seal
inline seal() {
  atomic {
    membership = membership | SEAL;
    members = membership;
    i = 1;
    do
    :: i < SEATS ->
#ifndef EARLY_SEAL
       assert((members & BIT(i)) != 0 || stopped[i] || dying[i]);  // who came and lives is in
#endif
       i++
    :: else -> i = 0; break
    od
  }
#ifndef NO_RING_AFTER_SEAL
  ring_all()
#endif
}

#define ANSWERED(seat) ((members & BIT(seat)) == 0 || answered[seat])

// Waits for all members' answers, or for the death of one.
// src/engine/seat_runtime.cc:SeatRuntime::pull
inline pull() {
  do
  :: take();
     if
     :: (dead & members & ~SEAL) != 0 -> break
     :: else
     fi;
     atomic { came = true; i = 1 };
     do
     :: atomic { i < SEATS -> came = came && ANSWERED(i); i++ }
     :: atomic { i == SEATS -> i = 0 } -> break
     od;
     if
     :: came -> break
     :: else -> park()
     fi
  od
}

bool cancelled;

// src/pg/leader/leader_run.cc:LeaderRun::start
// src/exchange/mesh.cc:Mesh::close_query
// src/pg/leader/leader_run.cc:LeaderRun::lose
proctype leader() {
  byte me, i, seen;
  bool came;
  {
    assemble();
    seal();
    pull();
    query_closed = true;
#ifndef NO_RING_AFTER_CLOSE
    ring_all()
#endif
  } unless {
    cancelled && !query_closed
  };
  if
  :: cancelled -> atomic { came = false; seen = 0; query_closed = true }; ring_all(); mark_dead()
  :: else
  fi;
  // src/pg/launch/crew.cc:Crew::dismiss
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
