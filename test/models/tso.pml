// Total store order, as x86 has it: every processor has a first-in-first-out buffer of stores that
// drain to memory whenever it likes. A load sees the newest own store, else memory. A locked
// operation and a fence wait until the own buffer is empty.
//
// How the C++ orders map to it: load (any order) = load; store relaxed or release = plain store;
// store seq_cst, exchange, fetch_or, compare_exchange = locked.
// The includer defines CPUS, CELLS and BUFFER, the length of a store buffer.

byte memory[CELLS];
byte buffered_cell[CPUS * BUFFER];
byte buffered_value[CPUS * BUFFER];
byte buffered[CPUS];

#define DRAINED(cpu) (buffered[cpu] == 0)

// Environment: what x86 does with a plain store.
inline tso_store(cpu, cell, value) {
  d_step {
    buffered[cpu] < BUFFER;
    buffered_cell[(cpu) * BUFFER + buffered[cpu]] = (cell);
    buffered_value[(cpu) * BUFFER + buffered[cpu]] = (value);
    buffered[cpu]++;
  }
}

// Environment: what x86 does with a load.
inline tso_load(cpu, cell, into) {
  d_step {
    tso_at = buffered[cpu];
    do
    :: tso_at > 0 && buffered_cell[(cpu) * BUFFER + tso_at - 1] != (cell) -> tso_at--
    :: else -> break
    od;
    if
    :: tso_at > 0 -> into = buffered_value[(cpu) * BUFFER + tso_at - 1]
    :: else -> into = memory[cell]
    fi;
    tso_at = 0;
  }
}

// Environment: what x86 does with a locked store.
inline tso_store_locked(cpu, cell, value) {
  d_step { DRAINED(cpu); memory[cell] = (value); }
}

// Environment: a processor's store buffer. It drains for ever, so that waiting is a fine end.
proctype store_buffer(byte cpu) {
  byte i;
end:
  do
  :: d_step {
       buffered[cpu] > 0;
       memory[buffered_cell[cpu * BUFFER]] = buffered_value[cpu * BUFFER];
       buffered[cpu]--;
       i = 0;
       do
       :: i < buffered[cpu] ->
          buffered_cell[cpu * BUFFER + i] = buffered_cell[cpu * BUFFER + i + 1];
          buffered_value[cpu * BUFFER + i] = buffered_value[cpu * BUFFER + i + 1];
          i++
       :: else -> break
       od;
       buffered_cell[cpu * BUFFER + i] = 0;
       buffered_value[cpu * BUFFER + i] = 0;
       i = 0;
     }
  od
}
