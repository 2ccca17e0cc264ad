// M2: the ring of one physical stream and its stall protocol, with store buffers. Positions only
// grow; a producer without room announces the position at which it wants its bell.
//
//   CAPACITY   of the ring, in units of a record's alignment; a record takes 1 to QUARTER of them
//   RECORDS    that the producer sends in each epoch
//   EPOCHS     in all but the last one the consumer may close early and leave records behind
//   LEASES     records that the consumer may hold at a time
//
// Doorbells are abstract here (wake_up.pml proves them): who is rung looks once more.
//
// Properties: nobody waits for ever; every record arrives once, whole, in order and in its epoch, and
// is not overwritten under its lease; what is in the ring never exceeds its capacity.
// Mutations: NO_SECOND_LOOK, PLAIN_WAKE_AT, PLAIN_READ, WISH_BEFORE_READ, PUBLISH_BEFORE_RECORD,
//   RELEASE_AT_LEASE, HALF_RECORD, END_AFTER_RING, NO_RING_FOR_DROPPED, ANY_EPOCH, NO_ROOM_CHECK.

#ifndef CAPACITY
#define CAPACITY 8
#endif
#ifndef RECORDS
#define RECORDS 6
#endif
#ifndef EPOCHS
#define EPOCHS 1
#endif
#ifndef LEASES
#define LEASES 1
#endif
#ifdef HALF_RECORD
#define QUARTER (CAPACITY / 2 + 1)
#else
#define QUARTER (CAPACITY / 4)
#endif

#define CPUS 2
#define PRODUCER 0
#define CONSUMER 1
#define BUFFER 4
#define WRITE CAPACITY
#define READ (CAPACITY + 1)
#define WAKE_AT (CAPACITY + 2)
#define CELLS (CAPACITY + 3)
#include "tso.pml"

// What a record's first unit says: length, whether it is a pad, number in its epoch, epoch.
#define HEADER(epoch, number, pad, units) ((epoch) << 7 | (number) << 4 | (pad) << 3 | (units))
#define EPOCH_OF(header) ((header) >> 7)
#define NUMBER_OF(header) (((header) >> 4) & 7)
#define IS_PAD(header) ((((header) >> 3) & 1) != 0)
#define UNITS_OF(header) ((header) & 7)

bool bell[2];
byte ended;   // epochs in which `have` says EOS: raised by a locked operation
byte closed;  // epochs in which `want` says CLOSE
byte done[2];

// src/exchange/doorbell.cc:Doorbell::ring
inline ring(me, other) { d_step { DRAINED(me); bell[other] = true; } }

// src/exchange/doorbell.cc:Doorbell::park
inline park(me) { d_step { bell[me]; bell[me] = false; } }

#define FREE (CAPACITY - (write - read_cached))

// src/exchange/ring.cc:RingWriter::refresh
inline refresh() {
  tso_load(PRODUCER, READ, value);
  d_step { assert(write - value <= CAPACITY); read_cached = value; value = 0; }
}

// src/exchange/ring.cc:RingWriter::find_space
inline find_space() {
  granted = false;
  if
  :: needed <= FREE -> granted = true
  :: else ->
     refresh();
     if
     :: needed <= FREE -> granted = true
     :: else ->
#ifdef PLAIN_WAKE_AT
        tso_store(PRODUCER, WAKE_AT, write - CAPACITY / 2);
#else
        tso_store_locked(PRODUCER, WAKE_AT, write - CAPACITY / 2);
#endif
#ifndef NO_SECOND_LOOK
        refresh();
#endif
        granted = (needed <= FREE)
     fi
  fi;
#ifdef NO_ROOM_CHECK
  granted = true
#endif
}

#define PUBLISH tso_store(PRODUCER, WRITE, write + pad + units)

// src/exchange/ring.cc:RingWriter::commit
// src/exchange/ring.cc:RingWriter::write_pad
inline commit() {
#ifdef PUBLISH_BEFORE_RECORD
  PUBLISH;
#endif
  if
  :: pad > 0 -> tso_store(PRODUCER, write % CAPACITY, HEADER(epoch, 0, 1, pad))
  :: else
  fi;
  skip;
  tso_store(PRODUCER, (write + pad) % CAPACITY, HEADER(epoch, number, 0, units));
#ifndef PUBLISH_BEFORE_RECORD
  PUBLISH;
#endif
  d_step {
    write = write + pad + units;
    assert(write - memory[READ] <= CAPACITY);  // fill never exceeds capacity
  }
}

// The epoch's writer: src/exchange/ring.cc:RingWriter::reserve for every record, then
// src/exchange/stream_output.cc:StreamOutput::finish
proctype producer() {
  byte tso_at, value, write, read_cached, number, units, pad, needed, epoch;
  bool granted;
  do
  :: epoch < EPOCHS ->
     // src/exchange/ring.cc:RingWriter::RingWriter
     refresh();
     do
     :: number < RECORDS && closed <= epoch ->
        select(units : 1 .. QUARTER);
        skip;
        d_step {
          pad = (units > CAPACITY - write % CAPACITY -> CAPACITY - write % CAPACITY : 0);
          needed = pad + units;
        }
        do
        :: find_space();
           if
           :: granted -> commit(); ring(PRODUCER, CONSUMER); break
           :: else -> park(PRODUCER)
           fi;
           // src/exchange/stream_output.cc:StreamOutput::Impl::look
           if
           :: closed > epoch -> break
           :: else
           fi
        od;
        number++
     :: else -> break
     od;
     number = 0;
     d_step { DRAINED(PRODUCER); epoch++; ended = epoch; };
     ring(PRODUCER, CONSUMER);
     // The next epoch begins when both are done (lifecycle.pml).
     done[PRODUCER] = epoch;
     done[CONSUMER] >= epoch
  :: else -> break
  od
}

// src/exchange/ring.cc:RingReader::free_up_to
inline free_up_to(position) {
  d_step { read = position; assert(read <= write_cached); }
#ifdef WISH_BEFORE_READ
  tso_load(CONSUMER, WAKE_AT, value);
#endif
#ifdef PLAIN_READ
  tso_store(CONSUMER, READ, read);
#else
  tso_store_locked(CONSUMER, READ, read);
#endif
#ifndef WISH_BEFORE_READ
  tso_load(CONSUMER, WAKE_AT, value);
#endif
  d_step {
    if
    :: value > woken_at && read >= value -> woken_at = value; wake_due = true
    :: else
    fi;
    value = 0;
  }
}

// src/exchange/stream_input.cc:StreamInput::Impl::ring_if_due
// src/exchange/ring.cc:RingReader::take_wake
inline ring_if_due() {
  if
  :: wake_due -> wake_due = false; ring(CONSUMER, PRODUCER)
  :: else
  fi
}

// src/exchange/ring.cc:RingReader::has_more
inline has_more() {
  if
  :: cursor == write_cached ->
     tso_load(CONSUMER, WRITE, write_cached);
     assert(write_cached >= cursor && write_cached - read <= CAPACITY)
  :: else
  fi
}

// src/exchange/ring.cc:RingReader::lease
// src/exchange/ring.cc:RingReader::check_record
inline lease() {
  leased = false;
  do
  :: has_more();
     if
     :: cursor == write_cached -> break
     :: else
     fi;
     tso_load(CONSUMER, cursor % CAPACITY, value);
     d_step {
       assert(UNITS_OF(value) > 0 && UNITS_OF(value) <= write_cached - cursor);
       assert(EPOCH_OF(value) <= epoch);
       cursor = cursor + UNITS_OF(value);
       if
#ifdef ANY_EPOCH
       :: !IS_PAD(value) ->
#else
       :: !IS_PAD(value) && EPOCH_OF(value) == epoch ->
#endif
          assert(EPOCH_OF(value) == epoch);    // nothing of an old epoch is delivered
          assert(NUMBER_OF(value) == number);  // each record once and in order
          number++;
          lease_end[leases] = cursor;
          lease_header[leases] = value;
          leases++;
          leased = true
       :: else
       fi;
       value = 0;
     }
     if
     :: leased -> break
     :: else
     fi
  od;
  if
  :: !leased && leases == 0 && cursor != read ->
     free_up_to(cursor)
  :: else
  fi
}

// The oldest lease ends; what it covers is still what was leased.
// src/exchange/ring.cc:RingReader::release
inline release() {
#ifndef RELEASE_AT_LEASE
  free_up_to(lease_end[0]);
#endif
  d_step {
    leases--;
    lease_end[0] = lease_end[LEASES - 1];
    lease_header[0] = lease_header[LEASES - 1];
    lease_end[LEASES - 1] = 0;
    lease_header[LEASES - 1] = 0;
  }
}

// Model: what lies under the oldest lease is what was leased.
inline check_lease() {
  d_step {
    assert(memory[(lease_end[0] - UNITS_OF(lease_header[0])) % CAPACITY] == lease_header[0]);
  }
}

#ifdef END_AFTER_RING
#define LOOK_FOR_END_BEFORE skip
#define LOOK_FOR_END_AFTER over = (ended > epoch)
#else
#define LOOK_FOR_END_BEFORE over = (ended > epoch)
#define LOOK_FOR_END_AFTER skip
#endif

// src/exchange/stream_input.cc:StreamInput::Impl::read
inline read_epoch() {
  do
  :: LOOK_FOR_END_BEFORE;
     lease();
     if
     :: leased ->
#ifdef RELEASE_AT_LEASE
        free_up_to(lease_end[0]);
#endif
        do
        :: leases > 0 -> check_lease(); release(); ring_if_due()
        :: leases < LEASES -> break
        od
     :: else ->
#ifndef NO_RING_FOR_DROPPED
        ring_if_due();
#endif
        LOOK_FOR_END_AFTER;
        if
        :: over && leases == 0 ->
           assert(number == RECORDS);  // everything sent is received
           break
        :: leases > 0 -> check_lease(); release(); ring_if_due()
        :: !over && leases == 0 -> park(CONSUMER)
        fi
     fi;
     if
     :: epoch + 1 < EPOCHS && leases == 0 -> break  // closes early
     :: true
     fi
  od
}

// src/exchange/stream_input.cc:StreamInput::next until the end, then
// src/exchange/stream_input.cc:StreamInput::close
proctype consumer() {
  byte tso_at, value, read, cursor, write_cached, woken_at, number, leases, epoch;
  byte lease_end[LEASES];
  byte lease_header[LEASES];
  bool leased, wake_due, over;
  do
  :: epoch < EPOCHS ->
     // src/exchange/ring.cc:RingReader::RingReader
     d_step { cursor = read; write_cached = read; woken_at = 0; number = 0; wake_due = false; };
     read_epoch();
     skip;
     d_step { DRAINED(CONSUMER); closed = epoch + 1; over = false; leased = false; };
     ring(CONSUMER, PRODUCER);
     epoch++;
     done[CONSUMER] = epoch;
     done[PRODUCER] >= epoch
  :: else -> break
  od
}

// Model: the configuration.
init {
  atomic {
    run store_buffer(PRODUCER);
    run store_buffer(CONSUMER);
    run producer();
    run consumer();
  }
}
