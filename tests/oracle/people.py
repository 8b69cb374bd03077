"""Who the person is, and what counts once: spec section 2, "Who the person is", and the meaning of `id`."""

from dataclasses import astuple


def claims(events):
    """click_id -> the user of the event, among those that carry both, with the smallest (ts, id)."""
    owner = {}
    for event in events:
        if event.type != "spend" and event.user and event.click_id:
            claim = (event.ts, event.id.encode(), event.user.encode(), event.user)
            owner[event.click_id] = min(owner.get(event.click_id, claim), claim)
    return {click_id: claim[-1] for click_id, claim in owner.items()}


def person_of(event, owner):
    """The user, or the one who claimed the click, or the click itself."""
    if event.user:
        return ("user", event.user)
    if event.click_id in owner:
        return ("user", owner[event.click_id])
    return ("click", event.click_id)


def people_and_spend(events):
    """(person -> its events in time order, ad -> its spend reports, the number of duplicates)."""
    owner = claims(events)
    people, spend = {}, {}
    for event in events:
        if event.type == "spend":
            spend.setdefault(event.ad, []).append(event)
        else:
            people.setdefault(person_of(event, owner), []).append(event)
    people = {person: without_duplicates(theirs) for person, theirs in people.items()}
    spend = {ad: without_duplicates(reports) for ad, reports in spend.items()}
    kept = sum(map(len, people.values())) + sum(map(len, spend.values()))
    return people, spend, len(events) - kept


def without_duplicates(events):
    """In time order, only the first of each id."""
    first = {}
    for event in sorted(events, key=lambda event: (event.order, astuple(event))):
        first.setdefault(event.id, event)
    return sorted(first.values(), key=lambda event: event.order)
