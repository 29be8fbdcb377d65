"""Says in words what a sweep did, and what of it an operator must know."""

from schemas.run_sweep import BlueprintSweep, KeepReason, Kept, RunSweep, SweepMode

OFF = "off (OCEAN__DELETES=off): entities whose objects are gone stay"
NOTHING = "nothing to delete"
MEMORY = (
    "; this sync's log is a temporary one, so that the next sync judges anew and may delete them: give it "
    "OCEAN__LOG__FILE"
)


def describe(sweep: RunSweep) -> str:
    """Return one line."""
    if sweep.mode is SweepMode.OFF:
        return OFF
    if sweep.reason:
        return f"none: {sweep.reason}"
    kept = sum(one.count for place in sweep.blueprints.values() for one in place.kept.values())
    says = []
    if sweep.deleted:
        would = "deleted" if sweep.mode is SweepMode.ON else "would be deleted"
        says.append(f"{sweep.deleted} {_entities(sweep.deleted)} {would}")
    if kept:
        says.append(f"{kept} that {'looks' if kept == 1 else 'look'} gone kept")
    if sweep.asked:
        says.append(f"PagerDuty asked for {sweep.asked} {'object' if sweep.asked == 1 else 'objects'}")
    return "; ".join(says) or NOTHING


def warnings_of(sweep: RunSweep, *, remembers: bool = True) -> list[str]:
    """Return what is worth a warning, with the next step.

    Args:
        sweep: What was decided.
        remembers: The next run will know of it.
    """
    says = [f"deletes: {sweep.reason}"] if sweep.reason else []
    for blueprint, one in sweep.blueprints.items():
        if one.over_threshold:
            says.append(_over_threshold(blueprint, one, sweep, remembers=remembers))
        if KeepReason.NOT_OURS in one.kept:
            says.append(_not_ours(blueprint, one.kept[KeepReason.NOT_OURS]))
    return says


def _over_threshold(blueprint: str, one: BlueprintSweep, sweep: RunSweep, *, remembers: bool) -> str:
    since = one.held_since
    is_chain = since is not None and sweep.since is not None and since < sweep.since
    held = f" (it is held since the run of {since:%Y-%m-%d %H:%M:%S} UTC)" if is_chain else ""
    return (
        f"{blueprint}: {one.going} of {one.judged} older entities would go, more than "
        f"entityDeletionThreshold {sweep.threshold:g} allows: none does{held}. Has the mapping been changed, "
        "is the PagerDuty token one of another account, may it see less than before, or does another "
        "installation use the same OCEAN__INTEGRATION__IDENTIFIER? It stays so until fewer would go; if they "
        "are to go, raise "
        f"entityDeletionThreshold for one run{'' if remembers else MEMORY}"
    )


def _not_ours(blueprint: str, kept: Kept) -> str:
    return (
        f"{blueprint}: {kept.count} {_entities(kept.count)} kept, e.g. {kept.identifiers[0]}: Port lists "
        "them as ours, and its answer does not show it; look at what stands between here and Port"
    )


def _entities(number: int) -> str:
    return "entity" if number == 1 else "entities"
