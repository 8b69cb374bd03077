"""What an ad belongs to: spec section 3, "people", second half, and the rows' identity in section 6.4."""

LEVELS = ("ad", "adset", "campaign", "account")
FIELDS = ("account", "campaign", "adset", "campaign_name", "adset_name", "ad_name")
ORGANIC = "organic:"


def organic_ad(event, config):
    """The pseudo-ad of an event that has no ad: its account is the event's, or default_account."""
    return ORGANIC + (event.account or config.default_account)


class Ads:
    """Each field of an ad is what the newest event (ts, id) that names the ad and carries the field says."""

    def __init__(self, events, config):
        self.config = config
        self.said = {}
        self.members = {}
        self.known = {}
        for event in events:
            if event.ad:
                self.learn(event)
        for ad in {event.ad for event in events if event.ad}:
            self.entities(ad)

    def learn(self, event):
        for name in FIELDS:
            value = getattr(event, name)
            if value:
                news = (event.ts, event.id.encode(), value.encode(), value)
                key = (event.ad, name)
                self.said[key] = max(self.said.get(key, news), news)

    def field(self, ad, name):
        """What was said, or None; a pseudo-ad has its account and nothing else."""
        if ad.startswith(ORGANIC):
            return ad[len(ORGANIC):] if name == "account" else None
        if (ad, name) in self.said:
            return self.said[ad, name][-1]
        return self.config.default_account if name == "account" else None

    def account(self, ad):
        return self.field(ad, "account")

    def entities(self, ad):
        """The (level, id) that the ad's numbers count at; remembers the ad as a member of each."""
        if ad not in self.known:
            owners = [(level, self.field(ad, level)) for level in LEVELS[1:]]
            self.known[ad] = [("ad", ad)] + [(level, owner) for level, owner in owners if owner]
            for entity in self.known[ad]:
                self.members.setdefault(entity, set()).add(ad)
        return self.known[ad]

    def newest(self, entity, name):
        """Of a field that several ads share: the newest said of an ad that now maps to the entity."""
        stamps = [self.said[ad, name] for ad in self.members[entity] if (ad, name) in self.said]
        return max(stamps)[-1] if stamps else None

    def shown(self, entity):
        """The fields name, account, campaign, adset, ad of a row."""
        level, ident = entity
        row = dict.fromkeys(("name", "account", "campaign", "adset", "ad"))
        if level == "account":
            row["account"] = ident
            return row
        if level == "ad":
            row.update(account=self.account(ident), campaign=self.field(ident, "campaign"),
                       adset=self.field(ident, "adset"), ad=ident, name=self.field(ident, "ad_name"))
            return row
        row["account"] = self.newest(entity, "account") or self.config.default_account
        row["campaign"] = ident if level == "campaign" else self.newest(entity, "campaign")
        row["adset"] = ident if level == "adset" else None
        row["name"] = self.newest(entity, level + "_name")
        return row
