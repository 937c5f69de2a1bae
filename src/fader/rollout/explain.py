"""All sentences, with their numbers. Whoever shows a rollout says these and no others."""

from __future__ import annotations

from fader.assign.words import in_words
from fader.model.arm import Arm
from fader.model.decision import Step
from fader.model.evidence import Evidence, LearningEvidence
from fader.model.flag import Flag
from fader.model.rollout import Guardrail, RolloutSpec, Subject
from fader.model.share import WHOLE
from fader.model.state import Phase, RolloutState
from fader.model.verdict import Judgement, Verdict
from fader.rollout import explain_outcome, explain_signal, words
from fader.rollout.ahead import Ahead
from fader.rollout.plan import LEAST_KNOWN, is_experiment, is_holdback, next_share, stage_of


def sentence(step: Step) -> str:
    """A line of the history: who, what, why."""
    if step.command is None:
        return step.reason
    why = f' ("{step.command.reason}")' if step.command.reason and step.command.reason not in step.reason else ""
    return f"{step.reason}{why}, by {step.actor}" if step.actor else step.reason + why


def findings(step: Step) -> tuple[str, ...]:
    """What was read and found beside the guardrails when a step was decided, a sentence each."""
    readings = (explain_outcome.reading(step.spec, step.before, r, step.at) for r in step.readings)
    return (*readings, *(explain_signal.signal(step.spec, s) for s in step.signals))


def guardrail_of(spec: RolloutSpec, judgement: Judgement) -> Guardrail:
    """The guardrail, or the outcome held as one, that a judgement is about."""
    return next(g for g in spec.watched if g.metric.name == judgement.metric)


def finding(spec: RolloutSpec, j: Judgement) -> str:
    """What a proven change is: `errors rose from 0.3 % to 3.1 % of requests (…)`, without the odds."""
    g, arm = guardrail_of(spec, j), spec.called(j.arm or spec.candidate)
    if g.metric.kind == "quantile":
        return _quantile_finding(spec, g, j)
    verb = "rose" if j.rise >= 0 else "fell"
    change = (
        f"{j.metric} {verb} from {words.amount(j.baseline_rate, g.metric)} to "
        f"{words.amount(j.candidate_rate, g.metric)} {words.per(g.metric)}"
    )
    if g.metric.kind == "external":
        return f"{change} (over {words.number(j.candidate_units)} intervals)"
    return (
        f"{change} ({words.number(j.candidate_first)} of {words.users(j.candidate_units)} on {arm} had one, "
        f"{words.number(j.baseline_first)} of {words.number(j.baseline_units)} on {spec.old})"
    )


def _quantile_finding(spec: RolloutSpec, g: Guardrail, j: Judgement) -> str:
    arm = spec.called(j.arm or spec.candidate)
    slower = (
        f"{words.rate(j.candidate_rate)} of requests {_of(spec, arm)} lie above what {spec.old} "
        f"had learnt as its {words.quantile(g.metric)}, {words.rate(j.baseline_rate)} of those {_of(spec, spec.old)}"
    )
    if not _has_levels(j):
        return f"{j.metric} {'rose' if j.rise >= 0 else 'fell'}: {slower}"
    verb = "rose" if j.candidate_value >= j.baseline_value else "fell"
    return (
        f"{j.metric} {verb}: its {words.quantile(g.metric)} is {words.value(j.candidate_value, g.metric)} on "
        f"{arm} and {words.value(j.baseline_value, g.metric)} on {spec.old} ({slower})"
    )


def _has_levels(j: Judgement) -> bool:
    """Whether a quantile itself is known, and not only how many events lie above what was learnt: of a flag it is not,
    as its units are summed and not its requests."""
    return bool(j.candidate_value or j.baseline_value)


def _of(spec: RolloutSpec, arm: str) -> str:
    """Whose requests they are: of a flag, all go to the same app."""
    return f"of users with {arm}" if spec.flag else f"to {arm}"


def odds(j: Judgement) -> str:
    return f"the chance of this without a change is below {words.odds(j.log_e_harm)}"


def tolerated(g: Guardrail) -> str:
    return f"{words.margin(g.tolerate, g.tolerate.value, g.metric)} is tolerated"


def rolled_back(spec: RolloutSpec, state: RolloutState, why: str) -> str:
    return f"{spec.name} was rolled back at {words.share(state.share)}: {why}"


def held(spec: RolloutSpec, state: RolloutState, why: str) -> str:
    return f"{spec.name} was held at {words.share(state.share)}: {why}"


def harm(spec: RolloutSpec, j: Judgement) -> str:
    return f"{finding(spec, j)}; {tolerated(guardrail_of(spec, j))}; {odds(j)}"


def withdrawn(spec: RolloutSpec, j: Judgement) -> str:
    """A further arm that does harm; `j` is what proves it."""
    return f"{spec.called(j.arm)} was taken out of the experiment and its users have {spec.old} again: {harm(spec, j)}"


def dead(spec: RolloutSpec, seconds: float) -> str:
    return f"{spec.new} has had no healthy endpoint for {words.span(seconds)}; {spec.old} answers instead"


def undecided(spec: RolloutSpec, judgements: tuple[Judgement, ...]) -> str:
    """`judgements`: those of the guardrails."""
    names = ", ".join(j.metric for j in judgements if not j.proven_safe)
    if judgements and not names and spec.budget is not None:
        budget = words.users(spec.budget.units)
        return f"after {words.span(spec.if_undecided.after)}, the harm budget of {budget} still allowed no larger share"
    names = names or "the guardrails"
    return f"after {words.span(spec.if_undecided.after)}, {names} could be proven neither safe nor harmful"


def advanced(spec: RolloutSpec, state: RolloutState, ahead: int, judgements: tuple[Judgement, ...]) -> str:
    """`ahead` in ppm; `judgements`: those of the guardrails, which are proven safe."""
    proofs = "; ".join(_proof(spec, j) for j in judgements)
    what = f"{spec.new} goes from {words.share(state.share)} to {words.share(ahead)} of users"
    return f"{what}: {proofs}" if proofs else what


def released(spec: RolloutSpec, state: RolloutState) -> str:
    """The end of a holdback."""
    kept = words.share(WHOLE - state.share)
    return f"{spec.new} goes to 100 % of users: nothing harmful was proven while {kept} were held back"


def _proof(spec: RolloutSpec, j: Judgement) -> str:
    g = guardrail_of(spec, j)
    limit = words.margin(g.tolerate, j.margin, g.metric)
    if g.metric.kind == "quantile" and _has_levels(j):
        now = f"{words.value(j.candidate_value, g.metric)} against {words.value(j.baseline_value, g.metric)}"
    elif g.metric.kind == "quantile":
        now = f"{words.rate(j.candidate_rate)} against {words.rate(j.baseline_rate)} slower than learnt"
    else:
        now = f"{words.amount(j.candidate_rate, g.metric)} against {words.amount(j.baseline_rate, g.metric)}"
    return f"{j.metric} proven less than {limit} worse ({now})"


def passed(spec: RolloutSpec, state: RolloutState) -> str:
    return (
        f"{spec.name} has passed {words.share(state.share)} and waits for approval to go to "
        f"{words.share(next_share(spec, state))}"
    )


def learned(spec: RolloutSpec, learning: tuple[LearningEvidence, ...], ahead: int, plan: str = "") -> str:
    """`ahead`: the first share in ppm; `plan`: what there is to say of the experiment's."""
    requests, units = (min((getattr(x, f) for x in learning), default=0) for f in ("requests", "units"))
    covered = ""
    if spec.budget is not None and not spec.budget.first and ahead != LEAST_KNOWN:
        covered = f", whom the harm budget of {words.users(spec.budget.units)} covers whatever it does to them"
    return (
        f"{spec.old} is learnt from {_requests(requests)}{words.users(units)}; "
        f"{spec.new} goes to {words.share(ahead)} of users{covered}" + (f"; {plan}" if plan else "")
    )


def _requests(number: int) -> str:
    """Nothing where nothing of requests was learnt."""
    return f"{words.number(number)} requests of " if number else ""


# Why a unit has what it has.


def nothing_active(service: str, baseline: str) -> str:
    return f"no rollout is active on {service}: everybody has {baseline}"


def where_it_lies(rollout: str, candidate: str, share: int, *, inside: bool) -> str:
    if not share:
        return f"{rollout} has given {candidate} to nobody yet"
    where = "among" if inside else "outside"
    return f"its bucket is {where} the {words.share(share)} of users to whom {rollout} has given {candidate}"


def audience(condition: str, baseline: str) -> str:
    """Whom a rollout is for; "" for everybody."""
    return f"only where {in_words(condition)}; elsewhere {baseline}, as no evidence" if condition else ""


def forced(rollout: str, version: str) -> str:
    return f"{rollout} names it: it has {version} whatever the share, as no evidence"


def not_reached(rollout: str, baseline: str) -> str:
    return f"{rollout} does not reach it, by a holdout or for another rollout of the layer: it keeps {baseline}"


def rules_first(flag: Flag) -> str:
    """A rollout moves those whom nothing before it settles."""
    return f"whom a rule of {flag.name} settles, or its list of units, has what that says"


def switched_off(flag: Flag) -> str:
    return f"flag {flag.name} is switched off: everybody gets {flag.off}"


def where_an_arm_lies(subject: Subject, rollout: str, arm: Arm) -> str:
    among = f"its bucket is among the {words.share(arm.interval.width)} of users to whom the experiment of {rollout}"
    version = subject.called(arm.version)
    return f"{among} had given {version}, which did harm" if arm.withdrawn else f"{among} has given {version}"


# What there is to say of a further arm.


def arm_ahead(spec: RolloutSpec, arm: str, share: int) -> str:
    return f"{spec.called(arm)} gets {words.share(share)} of users beside {spec.new}, for the time of the experiment"


def arm_running(spec: RolloutSpec, arm: str, share: int, units: int) -> str:
    return f"{spec.called(arm)} has {words.share(share)} of users beside {spec.new}; {words.users(units)} were seen"


def arm_ended(spec: RolloutSpec, arm: str, share: int) -> str:
    return f"{spec.called(arm)} had {words.share(share)} of users for the time of the experiment"


# What a stage waits for.


def waits_learning(spec: RolloutSpec, metric: str, requests: int, need: int, units: int, need_units: int) -> str:
    """`need`: requests, 0 where only users are counted."""
    asked = f"{words.number(min(requests, need))} of {words.number(need)} requests from " if need else ""
    seen = f"{words.number(min(units, need_units))} of {words.number(need_units)} users seen"
    return f"{metric}: {spec.old} is being learnt, {asked}{seen}"


def waits_dead(spec: RolloutSpec) -> str:
    return f"{spec.new} has no healthy endpoint: nobody is sent to it before it answers"


def waits_refused(error: str) -> str:
    return f"the gateway refused its configuration and serves the one before: {error}"


def waits_silent(evidence: Evidence, now: float) -> str:
    if not evidence.gateway.reported_at:
        return "no gateway has reported yet"
    return f"the gateway was last heard of {words.span(now - evidence.gateway.reported_at)} ago"


def waits_applied(state: RolloutState) -> str:
    return f"the gateway has not yet confirmed {words.share(state.share)}"


def waits_missing(why: str) -> str:
    return f"there is no evidence: {why}"


def waits_bake(spec: RolloutSpec, state: RolloutState, left: float) -> str:
    return _lasting(spec, state, left) or f"it bakes for another {words.span(left)}"


def _lasting(spec: RolloutSpec, state: RolloutState, left: float) -> str:
    """What a long stage is for, or ""."""
    if is_experiment(spec, state):
        return f"the experiment is read in {words.span(left)}"
    if is_holdback(spec, state):
        return f"{words.share(WHOLE - state.share)} are held back for another {words.span(left)}"
    return ""


def waits_unknown(j: Judgement) -> str:
    return f"{j.metric} is unknown: {j.missing}"


def waits_safe(spec: RolloutSpec, state: RolloutState, j: Judgement, now: float) -> str:
    if j.verdict is Verdict.UNKNOWN:
        return waits_unknown(j)
    g = guardrail_of(spec, j)
    what = f"{j.metric} not yet proven less than {words.margin(g.tolerate, j.margin, g.metric)} worse"
    if j.verdict is Verdict.HARMFUL:
        return f"{j.metric} is proven worse: {finding(spec, j)}"
    left = words.seconds_left(j, state, now)
    if g.metric.kind == "external":
        return f"{what}: {_intervals(spec, j, left)}"
    if j.candidate_units == 0:
        return f"{what}: no user of {spec.new} seen yet"
    if j.more_units is None or left is None:
        return f"{what}: as it stands, more users would not prove it"
    more = words.users(max(1, j.more_units))
    return f"{what}: about {more} more on {spec.new}, {words.span(max(1.0, left))} more at this rate"


def _intervals(spec: RolloutSpec, j: Judgement, left: float | None) -> str:
    """How far an external metric is from its proof."""
    if j.candidate_units == 0:
        return f"no interval with numbers of both {spec.arms} yet"
    if j.more_units is None or left is None:
        return "as it stands, more intervals would not prove it"
    more = max(1, j.more_units)
    return f"about {words.number(more)} more interval{'s' if more > 1 else ''}, {words.span(max(1.0, left))}"


def waits_budget(spec: RolloutSpec, state: RolloutState, ahead: Ahead) -> str:
    """An adaptive ramp that knows too little for a larger share."""
    units = spec.budget.units if spec.budget else 0
    return (
        f"the harm budget of {words.users(units)} allows no larger share yet: about {words.number(ahead.spent)} were "
        f"hurt so far, and up to {words.number(ahead.worst)} more could be at {words.share(ahead.ceiling)}, "
        "by what is known"
    )


def waits_suspicion(spec: RolloutSpec, j: Judgement) -> str:
    return f"{j.metric} may be worse and is watched before anybody else gets {spec.new}: {finding(spec, j)}"


# The state of things.


def headline(spec: RolloutSpec, state: RolloutState, now: float) -> str:
    """One sentence for a list of rollouts."""
    name, new, old, at = spec.name, spec.new, spec.old, words.share(state.share)
    match state.phase:
        case Phase.PENDING:
            return f"{name} has not started: everybody has {old}"
        case Phase.LEARNING:
            return f"{name} learns what is normal on {old}; nobody has {new} yet"
        case Phase.RAMPING:
            since = now - state.stage_since
            what = _lasting(spec, state, stage_of(spec, state).bake - since)
            return f"{name}: {at} of users have {new}, for {words.span(since)}" + (f"; {what}" if what else "")
        case Phase.AWAITING:
            return f"{name} has passed {at} and waits for approval"
        case Phase.PAUSED:
            return f"{name} is paused at {at}"
        case Phase.COMPLETED:
            return f"{name} is completed: everybody has {new}"
        case Phase.HELD | Phase.ROLLED_BACK | Phase.ABORTED:
            return state.cause


def needs_person(spec: RolloutSpec, state: RolloutState) -> str:
    """Why a person must act, or ""."""
    match state.phase:
        case Phase.AWAITING:
            return f"approve to go to {words.share(next_share(spec, state))}, or abort"
        case Phase.HELD:
            return f"fader stopped here and {words.share(state.share)} of users keep {spec.new}: resume or abort"
        case Phase.PAUSED:
            return "resume or abort"
        case _:
            return ""
