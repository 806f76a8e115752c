/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One move of one account, with all who act on it at the same time: policyd,
 * a worker and one that was started because the first seemed gone, the gateway
 * with a user's session, an MTA's queue, a relay that knows nothing of us, and
 * the operator. Every one of them may be slow; mishaps, as many as MISHAPS,
 * kill policyd, a worker or the gateway, or end a lease or a freeze too early.
 *
 * Messages: OWNED lies in the old mailbox and the user may delete it wherever it
 * is; MAIL comes by the delivery listener, or with MAPS by the MTA's queue; STRAY
 * is brought to the old server by the relay, whatever policyd says.
 *
 * What is stored by one server in one step, and what policyd commits in one
 * transaction, is one step here. A server tells a client the truth.
 *
 * ALONE leaves out the second worker: then not every move comes to its end, but
 * every freeze does.
 *
 * Seeded mistakes, each of which must be found:
 *   NO_BARRIER     the last round begins while others are at work
 *   NO_EPOCH       policyd takes a proof and a flip from whom the lease left
 *   NO_BOUNDS      the sweep brings all that it finds at the old server
 *   LATE_BOUNDS    the bounds are those of the flip, not those of the proof
 *   EARLY_BARRIER  a policyd just started believes that nobody is at work
 *   FORGETFUL      a gateway just started vouches for its predecessor, too
 *   NO_THAW        a freeze whose worker is gone is not ended
 */

#ifndef MISHAPS
#define MISHAPS 2
#endif

#define OLD 0
#define NEW 1

#define OWNED	 0
#define MAIL	 1
#define STRAY	 2
#define MESSAGES 3

#define NOBODY	255
#define WORKERS 2

mtype = { copying, frozen, sweeping, settled };

/* ---- the two servers */
typedef mailbox {
	byte copies[MESSAGES];
	bool seen[MESSAGES]; /* has ever had it: below UIDNEXT */
}
mailbox at[2];

/* ---- policyd's store */
mtype phase = copying;
byte home = OLD;
byte holder = NOBODY;   /* of the lease */
bool newest[WORKERS];   /* its epoch is that of the account */
bool freezer[WORKERS];  /* the freeze is the one that it was told of */
bool proved = false;
bool below[MESSAGES]; /* the bounds of the flip */

/* ---- policyd's memory: what the gateway has registered */
bool up = true;
bool told = true; /* the gateway has, since policyd was started */
byte registered = 0;

/* ---- the journal, on the copier's disk */
bool paired[MESSAGES];
bool swept[MESSAGES];

/* ---- what has truly happened */
bool accepted[MESSAGES]; /* somebody was told that it is stored */
bool deleted[MESSAGES];
byte mishaps = MISHAPS;
pid process_of[WORKERS];
byte killed = NOBODY; /* a process */
bool leases_lost = false; /* so there is reason to start another worker */
bool stray_over, mail_over, user_over;

/* ---- the gateway and the MTA, as they are */
bool gateway_up = true;
byte gateway_has = 0; /* sessions and deliveries that run in truth, */
byte orphans = 0;     /* and those that a killed gateway has left at the homes */
byte kills = 0;
bool in_active = false; /* an entry of the queue is under delivery */

inline store(site, what)
{
	at[site].copies[what]++;
	at[site].seen[what] = true
}

#define is_at(where, message) (at[where].copies[message] > 0)

/* Nothing is done at what is no longer the home. */
#if defined(NO_BARRIER) || defined(EARLY_BARRIER) || defined(FORGETFUL)
#define is_home(where) (true) /* it is to be found by what becomes of the mail */
#else
#define is_home(where) ((where) == home)
#endif

/* What a worker's words are worth to policyd. */
#ifdef NO_EPOCH
#define is_heard(who) (true)
#else
#define is_heard(who) (newest[who])
#endif

#ifdef NO_BARRIER
#define barrier_passes (true)
#else
#ifdef EARLY_BARRIER
#define barrier_passes (registered == 0 && !in_active)
#else
#define barrier_passes (told && registered == 0 && !in_active)
#endif
#endif

/* What stands at the other side in truth; a thaw begins anew. */
inline thaw()
{
	phase = copying;
	proved = false
}

/* A worker stops writing before policyd takes its lease for over: its own
 * clock of the lease started earlier. So it is checked with each write. */
bool leased[WORKERS]; /* for all that it knows */
#define may_write (leased[me])

/* Messages are looked at in two halves: what came or went in between has had
 * its turn, or has it yet. */
#define HALF 2

inline carry(end)
{
	d_step {
		do
		:: m < end && may_write ->
			if
			:: is_at(where, m) && !paired[m] ->
				if
				:: !is_at(1 - where, m) -> store(1 - where, m)
				:: else
				fi;
				paired[m] = true
			:: !is_at(where, m) && paired[m] ->
				at[1 - where].copies[m] = 0;
				paired[m] = false
			:: else
			fi;
			m++
		:: else -> break
		od;
		if
		:: end == MESSAGES -> m = 0
		:: else
		fi
	}
}

/* A round towards the other side. */
inline round()
{
	carry(HALF);
	carry(MESSAGES)
}

/* Home's messages are at the other side, with their count, and no others; what
 * home has had by then is the bound. */
inline compare(end)
{
	d_step {
		do
		:: m < end ->
			equal = equal && at[where].copies[m] ==
						 at[1 - where].copies[m];
			bound[m] = at[where].seen[m];
			m++
		:: else -> break
		od;
		if
		:: end == MESSAGES -> m = 0
		:: else
		fi
	}
}

inline sweep()
{
	d_step {
	do
	:: m < MESSAGES ->
		if
		:: may_write && is_at(OLD, m) &&
#ifdef NO_BOUNDS
			!is_at(NEW, m)
#else
			!below[m] && !swept[m]
#endif
			->
			store(NEW, m);
			swept[m] = true
		:: else
		fi;
		m++
	:: else -> m = 0; break
	od
	}
}

proctype worker(byte me) provided (killed != _pid || phase == settled)
{
	byte where, m;
	bool equal, bound[MESSAGES];

	do
	:: atomic {
		up && holder == NOBODY && phase != settled &&
			(me == 0 || leases_lost) ->
		holder = me;
		process_of[me] = _pid;
		newest[me] = true;
		newest[1 - me] = false;
		leased[me] = true;
		where = home;
	   }
	   if
	   :: phase == sweeping -> goto sweeping_phase
	   :: else
	   fi;
	   round();
	   atomic {
		if
		:: up && is_heard(me) && phase == copying ->
			phase = frozen;
			freezer[me] = true;
			freezer[1 - me] = false
		:: up && is_heard(me) && phase == frozen -> freezer[me] = true
		:: else -> goto given_back
		fi
	   }
	   /* the barrier, or the end of the freeze */
	   if
	   :: up && phase == frozen && barrier_passes
	   :: phase != frozen -> goto given_back
	   :: !may_write -> goto given_back
	   fi;
	   round();
	   equal = true;
	   compare(HALF);
	   compare(MESSAGES);
	   atomic {
		if
		:: up && is_heard(me) && phase == frozen &&
			freezer[me] && equal ->
			proved = true
		:: up && is_heard(me) && phase == frozen && !equal ->
			thaw();
			goto given_back
		:: else -> goto given_back
		fi
	   }
	   atomic {
		if
		:: up && is_heard(me) && phase == frozen && proved ->
			home = 1 - home;
			phase = sweeping;
			do
			:: m < MESSAGES ->
#ifdef LATE_BOUNDS
				below[m] = at[OLD].seen[m];
#else
				below[m] = bound[m];
#endif
				m++
			:: else -> m = 0; break
			od
		:: else -> goto given_back
		fi
	   }
sweeping_phase:
	   sweep();
	   /* settle: long enough for what still came to the old server */
	   if
	   :: stray_over && mail_over
	   :: !may_write -> goto given_back
	   fi;
	   sweep();
	   atomic {
		if
		:: up && newest[me] && phase == sweeping && may_write ->
			phase = settled
		:: else
		fi
	   }
given_back:
	   atomic {
		if
		:: holder == me -> holder = NOBODY
		:: else
		fi;
		leased[me] = false;
		where = 0;
		equal = false;
		do
		:: m < MESSAGES -> bound[m] = false; m++
		:: else -> m = 0; break
		od
	   }
	:: phase == settled -> break
	od
}

inline end_lease()
{
	leased[holder] = false;
	holder = NOBODY;
	leases_lost = true;
#ifndef NO_THAW
	if
	:: phase == frozen -> thaw()
	:: else
	fi
#endif
}

/* Ends what has run out. That a lease ends or a freeze is over its budget while
 * its worker is at work is a mishap, and so is that a worker is killed. */
active proctype expiry()
{
	do
	:: atomic {
		up && mishaps > 0 && holder != NOBODY ->
		mishaps--;
		end_lease()
	   }
	:: atomic {
		mishaps > 0 && holder != NOBODY && killed == NOBODY ->
		mishaps--;
		killed = process_of[holder]
	   }
	:: atomic { up && holder != NOBODY && killed == process_of[holder] -> end_lease() }
	:: atomic {
		up && mishaps > 0 && phase == frozen ->
		mishaps--;
		thaw()
	   }
#ifndef NO_THAW
	:: atomic { up && phase == frozen && holder == NOBODY -> thaw() }
#endif
	:: phase == settled -> break
	od
}

/* The operator freezes and thaws by hand, once. */
active proctype operator()
{
	if
	:: atomic {
		up && phase == copying ->
		phase = frozen;
		freezer[0] = false;
		freezer[1] = false
	   }
	   atomic {
		if
		:: up && phase == frozen -> thaw()
		:: phase != frozen
		fi
	   }
	:: true
	fi
}

#ifdef FORGETFUL
#define predecessor_is_over (true)
#else
#define predecessor_is_over (orphans == 0) /* after the time that homes need */
#endif

/* policyd or the gateway is killed and started again: its memory is gone. */
active proctype restart()
{
	do
	:: atomic {
		up && mishaps > 0 ->
		mishaps--;
		up = false;
		registered = 0;
		told = false
	   }
	   up = true
	:: atomic {
		up && gateway_up && !told && predecessor_is_over ->
		registered = gateway_has;
		told = true
	   }
	   /* by then the lease since the loss is over: it has closed all */
	:: atomic {
		up && !gateway_up && !told && orphans == 0 -> told = true
	   }
	:: atomic {
		gateway_up && mishaps > 0 ->
		mishaps--;
		kills++;
		orphans = orphans + gateway_has;
		gateway_has = 0;
		gateway_up = false;
		registered = 0;
		told = false
	   }
	   gateway_up = true
	:: phase == settled -> break
	od
}

/* A route through the gateway: counted by policyd from its answer on. */
#define route_may (up && told && gateway_up && phase != frozen)
inline route()
{
	atomic {
		route_may ->
		where = home;
		life = kills;
		registered++;
		gateway_has++
	}
}

/* The home has closed: told when policyd is there to hear it; else what is told
 * after its start does not hold this one. */
inline end_route()
{
	atomic {
		if
		:: life != kills -> orphans--
		:: else ->
			gateway_has--;
			if
			:: told && registered > 0 -> registered--
			:: else
			fi
		fi
	}
}

/* The user logs in once and deletes what he sees; the command may be pipelined
 * before the closing of the session and done behind it. */
active proctype user()
{
	byte where, life;

	if
	:: route();
	   atomic {
		assert(is_home(where));
		if
		:: is_at(where, OWNED) ->
			at[where].copies[OWNED] = 0;
			deleted[OWNED] = true
		:: else
		fi
	   }
	   end_route()
	:: true
	fi;
	user_over = true
}

#ifndef MAPS
active proctype listener()
{
	byte where, life;

	route();
	atomic {
		assert(is_home(where));
		store(where, MAIL);
		accepted[MAIL] = true
	}
	end_route();
	mail_over = true
}

#else
/* The next hop is looked up when the entry becomes active. */
active proctype queue()
{
	byte where;

	atomic {
		phase != frozen ->
		where = home;
		in_active = true
	}
	atomic {
		assert(is_home(where));
		store(where, MAIL);
		accepted[MAIL] = true
	}
	in_active = false;
	mail_over = true
}
#endif

/* A straggler, before the move is settled or not at all. */
active proctype relay()
{
	if
	:: atomic {
		phase != settled ->
		store(OLD, STRAY);
		accepted[STRAY] = true
	   }
	:: true
	fi;
	stray_over = true
}

active proctype whole()
{
	byte m = 0;

	d_step {
	(phase == settled && user_over && mail_over);
	assert(home == NEW);
	do
	:: m < MESSAGES ->
		assert(!accepted[m] || deleted[m] || at[NEW].copies[m] > 0);
		assert(at[NEW].copies[m] <= 1);
		assert(!deleted[m] || at[NEW].copies[m] == 0);
		m++
	:: else -> break
	od
	}
}

init
{
	atomic {
		store(OLD, OWNED);
		accepted[OWNED] = true;
		run worker(0);
#ifndef ALONE
		run worker(1)
#endif
	}
}

ltl every_freeze_ends { [] (phase == frozen -> <> (phase != frozen)) }
