"""What stands between a stage and the next: one function per gate, in the order of the tuples below.

A *stop* ends or holds the rollout; the first that speaks wins. A *wait* is a sentence; while there is one, nothing
advances. Stops come first: harm that is proven is acted on even while something else is unknown.
"""

from __future__ import annotations

import re
from math import log

from fader.model.metric import REQUEST
from fader.model.state import Phase
from fader.model.verdict import Signal, Verdict
from fader.rollout import explain, explain_signal
from fader.rollout.health import (
    arms_apart,
    clocks_agree,
    exposures_heard,
    log_complete,
    outcomes_exposed,
    sample_ratio,
    weights_hold,
)
from fader.rollout.learning import baseline_learnt, by_status
from fader.rollout.look import Gate, Look, Stop, Wait
from fader.rollout.plan import HALF, is_holdback, next_share, stage_of
from fader.rollout.ramp import ahead
from fader.stats.judge import exceeds

#: Seconds without a healthy endpoint after which the candidate is dead, not restarting.
DEAD = 2.0
#: An e-value for harm (natural log) that freezes the ramp while the estimate exceeds what is tolerated: by chance at
#: most once in 10 guardrails and stages, and then it clears by itself.
SUSPICION = log(10)
#: The fingerprint of a request that failed, `502 GET /items/{}`, as against that of an error that an app reports.
FAILED = re.compile(r"5\d\d( |$)")


def candidate_dead(look: Look) -> Stop | None:
    """No healthy candidate endpoint for 2 s, as far as the last report can tell: no statistics are needed."""
    gateway = look.evidence.gateway
    if not gateway.candidate_down_since:
        return None
    seconds = (look.now if look.fresh else gateway.reported_at) - gateway.candidate_down_since
    if seconds < DEAD:
        return None
    return Stop("roll_back", explain.rolled_back(look.spec, look.state, explain.dead(look.spec, seconds)))


def harm_proven(look: Look) -> Stop | None:
    """Of a guardrail or an outcome."""
    harmful = [j for j in look.judgements if j.verdict is Verdict.HARMFUL]
    if not harmful or look.missing:
        return None
    return _harmed(look, explain.harm(look.spec, max(harmful, key=lambda j: j.log_e_harm)))


def new_errors(look: Look) -> Stop | None:
    """An error that the candidate brought, practically unknown on the baseline."""
    found = [s for s in look.signals if s.new and s.harmful]
    if not found or look.missing:
        return None
    return _harmed(look, explain_signal.fresh(look.spec, max(found, key=lambda s: s.log_e)))


def _harmed(look: Look, why: str) -> Stop | None:
    if look.spec.on_harm == "rollback":
        return Stop("roll_back", explain.rolled_back(look.spec, look.state, why))
    if look.state.phase is Phase.HELD:
        return None
    return Stop("hold", explain.held(look.spec, look.state, why))


def undecided_too_long(look: Look) -> Stop | None:
    """Neither safe nor harmful, or unknown, for longer than was allowed. A holdback proves nothing and has its end."""
    if look.state.phase is not Phase.RAMPING or is_holdback(look.spec, look.state) or _passes(look):
        return None
    rule = look.spec.if_undecided
    if look.now - look.state.stage_since < max(rule.after, stage_of(look.spec, look.state).bake):
        return None
    why = explain.undecided(look.spec, look.guarded)
    if rule.then == "rollback":
        return Stop("roll_back", explain.rolled_back(look.spec, look.state, why))
    return Stop("hold", explain.held(look.spec, look.state, why))


def _passes(look: Look) -> bool:
    return not (look.missing or proven_safe(look) or unsuspected(look) or within_budget(look))


def gateway_speaks(look: Look) -> tuple[str, ...]:
    """Of a flag, it is asked only where requests are judged."""
    return () if look.fresh or not look.spec.service else (explain.waits_silent(look.evidence, look.now),)


def config_accepted(look: Look) -> tuple[str, ...]:
    error = "" if look.spec.flag else look.evidence.gateway.error
    return (explain.waits_refused(error),) if error else ()


def share_applied(look: Look) -> tuple[str, ...]:
    """Of a flag, SDKs apply it, and exposures say what they gave."""
    behind = not look.spec.flag and look.evidence.gateway.applied_version < look.evidence.wanted_version
    return (explain.waits_applied(look.state),) if behind else ()


def candidate_answers(look: Look) -> tuple[str, ...]:
    return (explain.waits_dead(look.spec),) if look.evidence.gateway.candidate_down_since else ()


def evidence_there(look: Look) -> tuple[str, ...]:
    return (explain.waits_missing(look.missing),) if look.missing else ()


def baked(look: Look) -> tuple[str, ...]:
    left = look.state.stage_since + stage_of(look.spec, look.state).bake - look.now
    return (explain.waits_bake(look.spec, look.state, left),) if left > 0 else ()


def proven_safe(look: Look) -> tuple[str, ...]:
    """Of the guardrails. A holdback was proven safe by the stage before it: there, only the unknown waits."""
    if look.missing:
        return ()
    if is_holdback(look.spec, look.state):
        return tuple(explain.waits_unknown(j) for j in look.guarded if j.verdict is Verdict.UNKNOWN)
    open_ones = (j for j in look.guarded if not j.proven_safe)
    return tuple(explain.waits_safe(look.spec, look.state, j, look.now) for j in open_ones)


def unsuspected(look: Look) -> tuple[str, ...]:
    """Harm that is likely but not proven yet freezes the ramp; it clears by itself if it was chance.

    Without this, a stage whose margin is wide (small next share) could be left a moment before the proof.
    """
    suspects = (
        (explain.guardrail_of(look.spec, j), j)
        for j in look.judgements
        if SUSPICION <= j.log_e_harm < j.harm_threshold and j.verdict is not Verdict.UNKNOWN
    )
    return tuple(explain.waits_suspicion(look.spec, j) for guardrail, j in suspects if exceeds(guardrail, j))


def no_harmful_signal(look: Look) -> tuple[str, ...]:
    """A difference that nobody asked about, against its name's declared direction."""
    found = (s for s in look.signals if s.harmful and not _tolerated(look, s))
    return tuple(explain_signal.waits(look.spec, s) for s in found)


def _tolerated(look: Look, signal: Signal) -> bool:
    """Failed requests that are no news are a guardrail's matter where one counts them: what it proves to be inside
    its margin was accepted beforehand. What an app reports as an error is counted by none.
    """
    if signal.kind != "fingerprint" or signal.new or not FAILED.match(signal.name):
        return False
    counts = {g.metric.name for g in look.spec.guardrails if g.metric.event == REQUEST and by_status(g.metric)}
    return any(j.metric in counts and j.proven_safe for j in look.judgements)


def within_budget(look: Look) -> tuple[str, ...]:
    """An adaptive ramp goes on only as far as its harm budget allows; its last step is proven safe for everybody."""
    if look.spec.budget is None or look.missing or next_share(look.spec, look.state) > HALF:
        return ()
    step = ahead(look.spec, look.state, look.evidence, look.guarded, look.now)
    return () if step.share > look.state.share else (explain.waits_budget(look.spec, look.state, step),)


#: Everywhere that somebody has the candidate.
STOPS: tuple[Gate, ...] = (candidate_dead, harm_proven, new_errors, sample_ratio, undecided_too_long)
#: Before the first stage.
LEARNING_WAITS: tuple[Wait, ...] = (
    gateway_speaks,
    config_accepted,
    share_applied,
    candidate_answers,
    evidence_there,
    baseline_learnt,
)
#: Before every further one.
STAGE_WAITS: tuple[Wait, ...] = (
    gateway_speaks,
    config_accepted,
    share_applied,
    candidate_answers,
    evidence_there,
    log_complete,
    arms_apart,
    exposures_heard,
    outcomes_exposed,
    clocks_agree,
    weights_hold,
    baked,
    unsuspected,
    no_harmful_signal,
    proven_safe,
    within_budget,
)
