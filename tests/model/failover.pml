/*
 * The failover policy that core/internal/failover implements, for spin.
 *
 * Two nodes; each rule S1 to S11 of the policy is one atomic step with a guard,
 * and the steps of both nodes and of the world around them may come in any
 * order. A node's rules read what that node knows: its own variables, and of
 * its peer what a beat says.
 *
 *   spin -a failover.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan        everything that can happen
 *   spin -a -DBUG=NoBootRule failover.pml && cc -DBFS -o pan pan.c && ./pan     a rule dropped
 *   spin -t -T -DBUG=NoBootRule failover.pml       the counterexample, step by step
 *
 * What is left out, and what is assumed, is in README.md. The first assumption:
 * turns do not overlap (S6). The time that must make it true is turns.pml's.
 */

#ifndef EVENTS
#define EVENTS 4                   /* how often the world interferes, in all */
#endif
#ifndef DATA
#define DATA 0                  /* 1: with replicated data (S8), which the code does not have yet */
#endif
#ifndef LIES
#define LIES 0                  /* 1: operators may say that a living peer is off; then S1 holds only in the end */
#endif
#ifndef BUG
#define BUG None                /* which of these is put in */
#endif

#define None                 0

/* S2 */
#define UnconfirmedFence     1  /* the answer to an order is taken for a reading */
#define StaleConfirmation    2  /* a sign of life does not void a confirmation */
/* S3 */
#define ForgottenGeneration  3  /* the generation is not persisted */
#define EarlyStart           4  /* started before the generation is durable */
#define NoYield              5  /* of two active nodes none stops */
/* S4 */
#define NoBootRule           6  /* who was active before the boot goes on */
#define NoAgreement          7  /* both heard, none active: nobody grants */
#define NoPrecedence         8  /* ... anybody grants, whoever was active last (S8) */
/* S5 */
#define OneWayHeard          9  /* a beat that does not echo mine counts as heard */
#define ToldSilence         10  /* silent is who was told so, although heard */
#define HearingProtects     11  /* not only an active peer is safe from who receives its beats */
#define NoProtection        12  /* an active peer is cut by who receives its beats */
#define NoCutMe             13  /* who cannot stop does not ask to be cut */
#define CutOffCuts          14  /* a node without its ping group cuts */
#define DeadPingGroup       15  /* a ping group that was dead while links were well still forbids to cut */
#define NoIsolation         16  /* an active node without its ping group does not hand over */
#define BlindIsolation      31  /* ... or does, although the peer has none either */
/* S6 */
#define OverlappingTurns    17  /* an order is sent while the other node's is under way */
#define UnfitCuts           18  /* who could not promote cuts */
/* S7 */
#define NoPowerOn           19  /* nobody switches a fenced node on again */
#define NoBudget            20  /* ... for ever, however often it was fenced */
#define NoAdoption          21  /* a restarted daemon forgets what runs */
/* S8 */
#define NoFreeze            22  /* the active writes alone without `alone` */
#define StaleData           23  /* promoted without having been in sync since the boot */
/* S9 */
#define LateOrder           24  /* an order decided in turn leaves after a stall */
/* S10 */
#define NoEligibleNode      25  /* a standby mode that leaves no eligible node is not refused */
/* S11 */
#define LapsingGrant        26  /* the giver takes a grant back after a while */
#define NoBinding           27  /* a grant outlives its receiver's start */
#define EarlyGrant          28  /* granted before everything has stopped */
#define EagerHandover       32  /* a handover begins although the peer is not ready */
/* S6, S5: told before it leaves; dead for both. */
#define UnannouncedFence    29  /* S6: an order that was asked for is sent out of turn, and the peer need not know */
#define DiscountAlone       30  /* S5: a ping group dead for this node alone says nothing, too */

#define MOST   12               /* generations */
#define FENCES 3                /* once the world is quiet */

mtype = { beta, alpha };
mtype = { dark, hung, on };                                   /* power: none; on, but the machine is dead; on */
mtype = { waiting, silent, beats, both };                     /* hears: not judged yet; nothing; beats; beats that echo its own */
mtype = { idle, taking, granted, serving, stopping, stuck };  /* role; serving, stopping and stuck are told as active */

/* The world. */
byte  events;           /* that the world may still cause, of any kind */
mtype power[2] = on;
bool  daemon[2] = true;
bool  runs[2];          /* what only the active node may run */
bool  out[2] = true;    /* beats of this node reach the other */
bool  ping[2] = true;   /* it reaches the ping group */
bool  path[2] = true;   /* it reaches the device that feeds the other */
bool  order[2];         /* its order to cut the other is under way, whatever becomes of the node */
bool  secret[2];        /* ... and the other cannot know */
bool  cut[2];           /* dark by an order */
byte  grant[2];         /* the generation granted to it, under way; 0: none */
bool  behind[2];        /* ... by a giver whose data are behind */
bool  drbd = true;      /* the replication's own connection */
byte  fences;           /* since the world is quiet */

/* What a node has on disk. */
byte  disk[2] = 1;      /* generation */
byte  last[2];          /* generation in which it was last active */
byte  cuts[2];          /* how often its orders cut the other, up to 2 */
bool  standby[2];       /* standby mode */
bool  alone[2];         /* serves without the other, which was off and not heard since; with data: writes without it */
bool  outdated[2];      /* its data are known to be old */

/* What a daemon knows. */
mtype role[2] = idle;
byte  gen[2] = 1;       /* generation */
mtype hears[2] = both;
mtype saw[2] = idle;    /* what the peer's newest beat said: idle, serving, or stuck */
bool  off[2];           /* the peer's power was read off in this silence */
bool  said[2];          /* the ping group was dead while links were well: it says nothing */
bool  alike[2];         /* ... for both nodes */
bool  decided[2];       /* an order that has not left yet; only with LateOrder */
bool  gave[2];          /* a grant was given; only with LapsingGrant */

/* What data a machine has. */
bool  insync[2] = true; /* in sync with the active's since this boot */
bool  whole[2] = true;  /* every committed sale; no node can see this */

#define NAME(x)        (x -> beta : alpha)
#define LIVES(x)       (power[x] == on && daemon[x])
#define ARRIVES(x)     (LIVES(x) && out[x])
#define ACTIVE(x)      (role[x] == serving || role[x] == stopping || role[x] == stuck)
#define RECEIVES(x)    (hears[x] == beats || hears[x] == both)

/* S8 */
#define CONNECTED      (drbd && power[0] == on && power[1] == on && out[0] && out[1])
#define FROZEN(x,y)    (DATA && BUG != NoFreeze && runs[x] && !alone[x] && !(CONNECTED && insync[y]))
#define GOOD_DATA(x)   (!DATA || !outdated[x] && (insync[x] || alone[x]))

/* S5 */
#define REACHES(x)     (ping[x] || said[x] && BUG != DeadPingGroup || BUG == CutOffCuts)
#define CANNOT_GO(x,y) (role[x] == stuck || hears[x] == silent && FROZEN(x, y) && !(path[x] && REACHES(x)))
#define SAYS(x,y)      (ACTIVE(x) -> (CANNOT_GO(x, y) -> stuck : serving) : idle)
#define TOLD(x)        (BUG == ToldSilence && SILENT(x))
#define HEARD(x,y)     (out[x] && !TOLD(y) || BUG == OneWayHeard -> both : beats)
#define PROTECTED(x)   (BUG == HearingProtects || BUG != NoProtection && !ACTIVE(x) && saw[x] == serving)
#define SILENT(x)      (hears[x] == silent || hears[x] == beats && !PROTECTED(x))
#define ASKED(x)       (RECEIVES(x) && saw[x] == stuck && BUG != NoCutMe)

/* S6 */
#define MAY_SERVE(x)   (!standby[x] && (GOOD_DATA(x) || !outdated[x] && BUG == StaleData))
#define NEEDS_OFF(x)   (role[x] == serving && !alone[x] || role[x] == idle && (MAY_SERVE(x) || BUG == UnfitCuts))
#define IN_TURN(x,y)   (!order[y] || secret[y] || BUG == OverlappingTurns)
#define CAN_ORDER(x,y) (LIVES(x) && path[x] && !order[x] && !off[x] && power[y] != dark && NEEDS_OFF(x))

/* S4, S11: who would take a grant, and what a node may know of that by beats */
#define WOULD_TAKE(x)  (LIVES(x) && role[x] == idle && !standby[x] && !outdated[x] && !order[x])
#define PEER_READY     (hears[me] == both && hears[peer] != silent && saw[me] == idle && WOULD_TAKE(peer) && !order[me] && \
                        grant[peer] == 0 && gen[me] < MOST && disk[peer] < MOST)
#define PEER_SYNCED    (!DATA || CONNECTED && insync[peer])
#define PRECEDES(x,y)  (outdated[y] && !outdated[x] || outdated[x] == outdated[y] && \
                        (last[x] > last[y] || last[x] == last[y] && x == 0))

#define SAVE           disk[me] = (BUG == ForgottenGeneration -> disk[me] : gen[me])

/* What must hold at once. */
#define SERVES(x,y)    (LIVES(x) && role[x] == serving && runs[x] && !FROZEN(x, y))
#define NEEDLESS       (SERVES(peer, me) && (!ACTIVE(me) && !MAY_SERVE(me) || !ping[me] && !alike[me] && ping[peer] || \
                        !ACTIVE(me) && RECEIVES(me) && saw[me] == serving))

/* What must hold when nothing more can happen. */
#define PAIR           (LIVES(0) && LIVES(1) && out[0] && out[1] && role[0] != stuck && role[1] != stuck)
#define AGREED         (PAIR && (!DATA || !standby[0] && !standby[1]))   /* who holds the data may be in standby mode */
#define HEALTHY(x)     (LIVES(x) && path[x] && (ping[x] || said[x]) && role[x] != stuck && !standby[x] && (ACTIVE(x) || GOOD_DATA(x)))
#define SERVED         (SERVES(0, 1) || SERVES(1, 0))
#define LEFT_DARK(x,y) (power[x] == dark && cut[x] && LIVES(y) && path[y] && cuts[y] < 2)
#define CUT_OFF(x,y)   (PAIR && runs[x] && !ping[x] && ping[y] && MAY_SERVE(y))

inline forget(x) { /* what a daemon knew, and what was meant for it */
	role[x] = idle; gen[x] = disk[x]; hears[x] = waiting; saw[x] = idle; off[x] = false;
	said[x] = false; alike[x] = false; decided[x] = false; gave[x] = false;
	grant[x] = (BUG == NoBinding -> grant[x] : 0); behind[x] = behind[x] && grant[x] != 0
}

inline die(x) { /* a machine */
	daemon[x] = false; runs[x] = false; insync[x] = false; alone[x] = DATA && alone[x];
	forget(x)
}

inline boot(x) { /* S4: a booted node starts nothing by right */
	power[x] = on; daemon[x] = true; cut[x] = false;
	if
	:: BUG == NoBootRule && last[x] == disk[x] -> role[x] = serving
	:: else
	fi
}

inline give() { /* S11: persists the new generation, then sends it */
	gen[me] = (gen[me] > disk[peer] -> gen[me] : disk[peer]) + 1;
	SAVE;
	grant[peer] = gen[me]; behind[peer] = DATA && !insync[me];
	role[me] = idle; gave[me] = (BUG == LapsingGrant);
	printf("%e grants generation %d to %e\n", NAME(me), gen[me], NAME(peer))
}

inline become() { /* S3: durable before the first start */
	SAVE;
	last[me] = gen[me];
	role[me] = serving; off[me] = false;
	printf("%e is active with generation %d\n", NAME(me), gen[me])
}

/* A node's daemon. */
proctype node(byte me; byte peer) {
end:
	do

	/* S5. Beats arrive: the sender lives, and what was read and said before is void. */
	:: atomic {
		LIVES(me) && ARRIVES(peer) &&
		(hears[me] != HEARD(me, peer) || saw[me] != SAYS(peer, me) || off[me] && BUG != StaleConfirmation ||
		 hears[me] == both && (alone[me] && !DATA || alike[me] != (!ping[me] && !ping[peer]) || said[me] != (!ping[me] && (!ping[peer] || BUG == DiscountAlone)) ||
		                       ACTIVE(peer) && role[me] == idle && disk[peer] > gen[me])) ->
		hears[me] = HEARD(me, peer); saw[me] = SAYS(peer, me); off[me] = off[me] && BUG == StaleConfirmation;
		if
		:: hears[me] == both ->
			alone[me] = DATA && alone[me];
			alike[me] = !ping[me] && !ping[peer];
			said[me] = !ping[me] && (!ping[peer] || BUG == DiscountAlone);
			if
			:: ACTIVE(peer) && role[me] == idle && disk[peer] > gen[me] -> gen[me] = disk[peer]; SAVE
			:: else
			fi
		:: else
		fi;
		printf("%e hears %e, which is %e; of its own beats %e\n", NAME(me), NAME(peer), saw[me], hears[me])
	}

	/* S5. None for a deadtime. */
	:: atomic {
		LIVES(me) && !ARRIVES(peer) && hears[me] != silent ->
		hears[me] = silent;
		printf("%e hears nothing\n", NAME(me))
	}

	/* S6. An order leaves, in turn; or at once, if the peer asks. */
	:: atomic {
		CAN_ORDER(me, peer) && SILENT(me) && REACHES(me) && IN_TURN(me, peer) && BUG != LateOrder ->
		order[me] = true;
		printf("%e orders %e off in its turn\n", NAME(me), NAME(peer));
		assert(!NEEDLESS)                           /* S5, S6: no needless cut */
	}
	:: atomic {
		CAN_ORDER(me, peer) && ASKED(me) && (IN_TURN(me, peer) || BUG == UnannouncedFence) ->
		order[me] = true; secret[me] = (BUG == UnannouncedFence);
		printf("%e orders %e off, which asks for it\n", NAME(me), NAME(peer))
	}

	/* S9, dropped: the order is decided in turn, and leaves whenever the node goes on. */
	:: atomic {
		BUG == LateOrder && CAN_ORDER(me, peer) && SILENT(me) && REACHES(me) && IN_TURN(me, peer) && !decided[me] ->
		decided[me] = true;
		printf("%e decides in its turn to cut %e, and sleeps\n", NAME(me), NAME(peer))
	}
	:: atomic {
		decided[me] && LIVES(me) && path[me] ->
		decided[me] = false; order[me] = true;
		printf("the order of %e leaves\n", NAME(me))
	}

	/* S2 (a). The device is read. */
	:: atomic {
		LIVES(me) && path[me] && !off[me] && SILENT(me) && NEEDS_OFF(me) && power[peer] == dark ->
		off[me] = true;
		printf("%e reads %e off\n", NAME(me), NAME(peer))
	}
	:: atomic {
		BUG == UnconfirmedFence && order[me] && LIVES(me) && !off[me] && SILENT(me) && NEEDS_OFF(me) ->
		off[me] = true;
		printf("%e takes the answer to its order for a reading\n", NAME(me))
	}

	/* S2, S3. The peer is off: take over, or go on alone. */
	:: atomic {
		LIVES(me) && off[me] && SILENT(me) && role[me] == idle && MAY_SERVE(me) && gen[me] < MOST ->
		gen[me]++; role[me] = taking;
		printf("%e takes over with generation %d\n", NAME(me), gen[me])
	}
	:: atomic {
		LIVES(me) && role[me] == taking ->
		if
		:: off[me] && SILENT(me) -> become(); alone[me] = true
		:: else -> SAVE; role[me] = idle; printf("a sign of life stops %e's takeover\n", NAME(me))
		fi
	}
	:: atomic {
		LIVES(me) && off[me] && SILENT(me) && role[me] == serving && !alone[me] ->
		alone[me] = true; off[me] = false;
		printf("%e goes on alone\n", NAME(me))
	}
	:: atomic {
		LIVES(me) && (role[me] == serving || BUG == EarlyStart && (role[me] == taking || role[me] == granted)) && !runs[me] ->
		runs[me] = true; insync[me] = true;
		printf("%e starts\n", NAME(me));
		assert(!runs[peer] || LIES);                /* S1: never both active */
		assert(disk[me] == gen[me]);                /* S3: a generation is durable before it is used */
		assert(whole[me] || !DATA)                  /* S8: who becomes active has every sale */
	}

	/* S3. Of two active nodes the one with the older generation stops. */
	:: atomic {
		LIVES(me) && ACTIVE(me) && RECEIVES(me) && saw[me] != idle && ACTIVE(peer) && BUG != NoYield &&
		(disk[peer] > disk[me] || disk[peer] == disk[me] && me == 1) ->
		runs[me] = false; insync[me] = false; role[me] = idle;
		printf("%e meets an active peer and stops\n", NAME(me))
	}

	/* S4. Both heard, none active: who was not active last grants. */
	:: atomic {
		LIVES(me) && role[me] == idle && PEER_READY && grant[me] == 0 && BUG != NoAgreement &&
		(PRECEDES(peer, me) || !WOULD_TAKE(me) && (!DATA || insync[peer]) || BUG == NoPrecedence) ->
		give()
	}

	/* S11. Hand over: stop, persist, grant. S5: a node that lost the ping group does so by itself; S10: and one in standby mode. */
	:: atomic {
		LIVES(me) && role[me] == serving && runs[me] && (PEER_READY && PEER_SYNCED || BUG == EagerHandover) &&
		(standby[me] || !ping[me] && (ping[peer] || BUG == BlindIsolation) && BUG != NoIsolation) ->
		role[me] = stopping;
		printf("%e begins to hand over\n", NAME(me))
	}
	:: atomic {
		LIVES(me) && role[me] == stopping && runs[me] ->
		runs[me] = false;
		printf("%e has stopped\n", NAME(me))
	}
	:: atomic {
		LIVES(me) && role[me] == stopping && (!runs[me] || BUG == EarlyGrant) && PEER_READY && PEER_SYNCED ->
		give()
	}
	:: atomic {
		LIVES(me) && (role[me] == stopping && !(PEER_READY && PEER_SYNCED) || role[me] == stuck && SILENT(me)) ->
		role[me] = serving;
		printf("%e stays active\n", NAME(me))
	}
	:: atomic {
		BUG == LapsingGrant && LIVES(me) && gave[me] && role[me] == idle && saw[me] == idle && gen[me] < MOST ->
		gave[me] = false; gen[me]++; role[me] = granted;
		printf("%e takes its grant back\n", NAME(me))
	}

	/* S11. A grant arrives, at any time. It is taken if it is newer than everything known, and refused else. */
	:: atomic {
		LIVES(me) && grant[me] != 0 && !order[me] && !order[peer] && role[me] != taking ->
		if
		:: grant[me] > gen[me] && (role[me] == idle || role[me] == granted) && !standby[me] && !outdated[me] ->
			gen[me] = grant[me]; role[me] = granted; off[me] = false; alone[me] = behind[me];
			printf("%e takes the grant of generation %d\n", NAME(me), gen[me])
		:: else ->
			printf("%e refuses the grant of generation %d\n", NAME(me), grant[me])
		fi;
		grant[me] = 0; behind[me] = false
	}
	:: atomic {
		LIVES(me) && role[me] == granted -> become()
	}

	/* S7. Who cut the peer switches it on again, unless it did so too often. */
	:: atomic {
		LIVES(me) && path[me] && power[peer] == dark && cut[peer] && (cuts[me] < 2 || BUG == NoBudget) && BUG != NoPowerOn &&
		(ACTIVE(me) && alone[me] || role[me] == idle && !MAY_SERVE(me)) ->
		boot(peer);
		printf("%e switches %e on again, which boots\n", NAME(me), NAME(peer))
	}

	/* S8. Who writes alone persists that first. */
	:: atomic {
		DATA && runs[me] && whole[peer] && !(CONNECTED && insync[peer]) && !FROZEN(me, peer) ->
		whole[peer] = false;
		printf("%e commits a sale that %e does not have\n", NAME(me), NAME(peer))
	}
	:: atomic {
		DATA && runs[me] && hears[me] == both && hears[peer] == both && !CONNECTED && !alone[me] && !ACTIVE(peer) ->
		outdated[peer] = true; insync[peer] = false; alone[me] = true;
		printf("%e tells %e that its data are old\n", NAME(me), NAME(peer))
	}
	:: atomic {
		DATA && runs[peer] && !runs[me] && hears[me] == both && hears[peer] == both && CONNECTED && (!insync[me] || !whole[me] || outdated[me]) ->
		alone[0] = false; alone[1] = false; outdated[me] = false; insync[me] = true; whole[me] = whole[peer];
		printf("%e is in sync again\n", NAME(me))
	}
	od
}

/* What happens to a node. Each line costs an event, but for what comes by itself. */
proctype fate(byte me; byte peer) {
end:
	do

	/* The other's order acts; or never does. */
	:: atomic {
		order[peer] ->
		order[peer] = false; secret[peer] = false;
		if
		:: power[me] == on ->
			assert(!cut[peer]);                     /* S6: never both switched off by orders */
			printf("the order of %e acts: %e has no power\n", NAME(peer), NAME(me))
		:: power[me] == hung ->
			printf("the order of %e acts: %e, which hung, has no power\n", NAME(peer), NAME(me))
		:: else -> goto done
		fi;
		power[me] = dark; cut[me] = true; die(me);
		cuts[peer] = (cuts[peer] < 2 -> cuts[peer] + 1 : 2);
		if
		:: events == 0 -> fences++
		:: else
		fi;
		assert(fences <= FENCES);                   /* S7: few fences once the world is quiet */
done:		skip
	}
	:: atomic { events > 0 && order[peer] -> events--; order[peer] = false; secret[peer] = false; printf("the order of %e is lost\n", NAME(peer)) }
	:: atomic { events > 0 && grant[me] != 0 -> events--; grant[me] = 0; behind[me] = false; printf("the grant to %e is lost\n", NAME(me)) }

	/* Machine and daemon. S7: a restarted daemon goes on with what runs. */
	:: atomic {
		power[me] == on && !daemon[me] ->
		daemon[me] = true; role[me] = (runs[me] && BUG != NoAdoption -> serving : idle);
		printf("the daemon of %e starts\n", NAME(me))
	}
	:: atomic { events > 0 && LIVES(me) -> events--; daemon[me] = false; forget(me); printf("the daemon of %e dies\n", NAME(me)) }
	:: atomic { events > 0 && power[me] == on -> events--; power[me] = hung; die(me); printf("%e hangs\n", NAME(me)) }
	:: atomic { events > 0 && power[me] != dark -> events--; power[me] = dark; die(me); printf("%e loses its power by itself\n", NAME(me)) }
	:: atomic { events > 0 && power[me] != on -> events--; boot(me); printf("%e boots\n", NAME(me)) }

	/* Connections. */
	:: atomic { events > 0 -> events--; out[me] = !out[me]; printf("beats of %e %e\n", NAME(me), (out[me] -> on : dark)) }
	:: atomic { events > 0 -> events--; ping[me] = !ping[me]; said[me] = false; alike[me] = false; printf("ping group of %e %e\n", NAME(me), (ping[me] -> on : dark)) }
	:: atomic { events > 0 -> events--; path[me] = !path[me]; printf("fence path of %e %e\n", NAME(me), (path[me] -> on : dark)) }

	/* Operators, and a resource that does not stop. */
	:: atomic {
		events > 0 && LIVES(me) && role[me] == serving && runs[me] && PEER_READY && PEER_SYNCED ->
		events--; role[me] = stopping;
		printf("an operator asks %e for a switchover\n", NAME(me))
	}
	:: atomic { events > 0 && LIVES(me) && role[me] == stopping && runs[me] -> events--; role[me] = stuck; printf("a resource of %e does not stop\n", NAME(me)) }
	:: atomic { /* S10: of the active node */
		events > 0 && LIVES(me) && ACTIVE(me) && !standby[me] && (PEER_READY || BUG == NoEligibleNode) ->
		events--; standby[me] = true;
		printf("an operator sets %e to standby mode\n", NAME(me))
	}
	:: atomic { /* S10: of the other one */
		events > 0 && LIVES(peer) && ACTIVE(peer) && hears[peer] == both && !standby[me] && (!standby[peer] || BUG == NoEligibleNode) ->
		events--; standby[me] = true;
		printf("an operator sets %e to standby mode\n", NAME(me))
	}
	:: atomic { events > 0 && standby[me] -> events--; standby[me] = false; printf("standby mode of %e ends\n", NAME(me)) }
	:: atomic { /* S2 (c) */
		events > 0 && LIVES(me) && SILENT(me) && !off[me] && (power[peer] == dark || LIES) ->
		events--; off[me] = true;
		printf("an operator says at %e that %e is off\n", NAME(me), NAME(peer))
	}
	:: atomic { /* a fence asked for while both hear each other: announced first, sent when the peer knows */
		events > 0 && CAN_ORDER(me, peer) && ACTIVE(me) && hears[me] == both && saw[me] == idle &&
		(hears[peer] == both && !order[peer] || BUG == UnannouncedFence) ->
		events--; order[me] = true; secret[me] = (BUG == UnannouncedFence);
		printf("an operator asks %e to cut %e\n", NAME(me), NAME(peer))
	}
	od
}

/* What happens to both; and the end. */
proctype store() {
end:
	do
	:: atomic { events > 0 && out[0] == out[1] -> events--; out[0] = !out[0]; out[1] = out[0]; printf("all links %e\n", (out[0] -> on : dark)) }
	:: atomic { DATA && events > 0 -> events--; drbd = !drbd; printf("replication %e\n", (drbd -> on : dark)) }
	:: atomic { events > 0 -> events = 0; printf("from here on nothing more happens to the store\n") }
	:: timeout ->
		printf("nothing more can happen\n");
		assert(gen[0] < MOST && gen[1] < MOST);                  /* S3: generations do not run away */
		assert(SERVED || !HEALTHY(0) && !HEALTHY(1) && !AGREED); /* a healthy node serves */
		assert(!(PAIR && runs[0] && runs[1]));                   /* S3: two active nodes do not last */
		assert(!LEFT_DARK(0, 1) && !LEFT_DARK(1, 0));            /* S7: a fenced node gets its power back */
		assert(!CUT_OFF(0, 1) && !CUT_OFF(1, 0));                /* S5: the registers are reached */
		break
	od
}

init {
	atomic {
		events = EVENTS;
		last[0] = 1; role[0] = serving; runs[0] = true; saw[1] = serving;
		run node(0, 1); run node(1, 0); run fate(0, 1); run fate(1, 0); run store()
	}
}
