"""Says in words what a sweep did, and what of it an operator must know."""

from schemas.run_sweep import KeepReason, RunSweep, SweepMode
from services.fetcher.sweep.fate import UNKNOWN

OFF = "off (OCEAN__DELETES=off): entities whose objects are gone stay"
NOTHING = "nothing to delete"
_WEIGHTY = (KeepReason.OVER_THRESHOLD, *sorted(UNKNOWN))


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


def warnings_of(sweep: RunSweep) -> list[str]:
    """Return what is worth a warning, with the next step."""
    says = [f"deletes: {sweep.reason}"] if sweep.reason else []
    for blueprint, one in sweep.blueprints.items():
        if one.over_threshold:
            going = sum(one.kept[reason].count for reason in _WEIGHTY if reason in one.kept)
            says.append(
                f"{blueprint}: {going} of {one.owned} entities would go, more than entityDeletionThreshold "
                f"{sweep.threshold:g} allows: none does; look whether PagerDuty gave everything, and if they "
                "are to go, raise the threshold for one run"
            )
    return says


def _entities(number: int) -> str:
    return "entity" if number == 1 else "entities"
