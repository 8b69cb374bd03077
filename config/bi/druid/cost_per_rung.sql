-- What each rung cost in the last 7 days, by campaign, from days. Druid keeps every revision of a row; the
-- greatest of each key counts, so group by key first. Never add up or average costs, rates and people.
SELECT "account", "campaign", "currency", SUM("spend") AS "spend",
  SUM("spend") / NULLIF(SUM("clicks"), 0) AS "cost_per_click",
  SUM("spend") / NULLIF(SUM("opens"), 0) AS "cost_per_open",
  SUM("spend") / NULLIF(SUM("conversations"), 0) AS "cost_per_conversation",
  SUM("spend") / NULLIF(SUM("qualified"), 0) AS "cost_per_qualified",
  SUM("spend") / NULLIF(SUM("handoffs"), 0) AS "cost_per_handoff",
  SUM("spend") / NULLIF(SUM("appointments"), 0) AS "cost_per_appointment",
  SUM("spend") / NULLIF(SUM("customers"), 0) AS "cac"
FROM (
  SELECT "key", "account", "id" AS "campaign", "currency",
    LATEST_BY("spend", MILLIS_TO_TIMESTAMP("revision")) AS "spend",
    LATEST_BY("clicks", MILLIS_TO_TIMESTAMP("revision")) AS "clicks",
    LATEST_BY("opens", MILLIS_TO_TIMESTAMP("revision")) AS "opens",
    LATEST_BY("conversations", MILLIS_TO_TIMESTAMP("revision")) AS "conversations",
    LATEST_BY("qualified", MILLIS_TO_TIMESTAMP("revision")) AS "qualified",
    LATEST_BY("handoffs", MILLIS_TO_TIMESTAMP("revision")) AS "handoffs",
    LATEST_BY("appointments", MILLIS_TO_TIMESTAMP("revision")) AS "appointments",
    LATEST_BY("customers", MILLIS_TO_TIMESTAMP("revision")) AS "customers"
  FROM "ladder_history"
  WHERE "level" = 'campaign' AND "window" = '1d' AND "basis" = 'cohort'
    AND "__time" >= CURRENT_TIMESTAMP - INTERVAL '7' DAY
  GROUP BY "key", "account", "id", "currency"
)
GROUP BY "account", "campaign", "currency"
