// What the page computes from rows beyond what is in them: the steps of a ladder, sums of history, ranks.

import {divide} from "./format.js";

export const HOUR_MS = 3600000;
const DAY_MS = 24 * HOUR_MS;

// `of`: the rungs that its rate may be a share of; the first that has a count is.
export const RUNGS = [
  {word: "impression", name: "Impression", field: "impressions", of: [], cost: null},
  {word: "click", name: "Click", field: "clicks", of: ["impressions"], cost: "cost_per_click"},
  {word: "open", name: "Chat opened", field: "opens", of: ["clicks"], cost: "cost_per_open"},
  {word: "conversation", name: "Conversation", field: "conversations", of: ["opens", "clicks"],
   cost: "cost_per_conversation"},
  {word: "reply", name: "Reply", field: "replies", of: ["conversations"], cost: null},
  {word: "qualified", name: "Qualified", field: "qualified", of: ["conversations"],
   cost: "cost_per_qualified"},
  {word: "handoff", name: "Handed to sales", field: "handoffs", of: ["qualified"], cost: "cost_per_handoff"},
  {word: "appointment", name: "Appointment", field: "appointments", of: ["handoffs"],
   cost: "cost_per_appointment"},
  {word: "customer", name: "Customer", field: "customers", of: ["handoffs"], cost: "cac"},
];

export const NAMES = {impressions: "impressions", clicks: "clicks", opens: "opened chats",
                      conversations: "conversations", qualified: "qualified", handoffs: "handed to sales"};

const JUDGED = ["reply", "qualified", "handoff", "customer"];

function stepOf(rung, row) {
  const of = rung.of.find(field => row[field] > 0) ?? null;
  const reached = row[rung.field];
  return {...rung, of, reached, total: of && row[of], rate: of && divide(reached, row[of]),
          cost: rung.cost ? row[rung.cost] : divide(row.spend, reached)};
}

// The steps from top to bottom. Few clicks of many impressions are usual, and an appointment is not on the
// way to every sale: neither is the largest drop-off.
export function ladderOf(row, minVolume) {
  const steps = RUNGS.map(rung => stepOf(rung, row));
  const compared = steps.filter(step => step.total && !["click", "appointment"].includes(step.word));
  const sure = compared.filter(step => step.total >= minVolume);
  const candidates = sure.length ? sure : compared;
  const most = candidates.reduce((least, step) => !least || step.rate < least.rate ? step : least, null);
  for (const step of steps)
    step.isMost = step === most && step.rate < 1;
  return {steps, most: most && most.rate < 1 ? most : null};
}

// The account's own rates over its longest window: what rows are judged by.
export function normsOf(row) {
  const norms = {};
  for (const word of row ? JUDGED : []) {
    const rung = RUNGS.find(each => each.word === word);
    norms[word] = divide(row[rung.field], row[rung.of[0]]);
  }
  return norms;
}

// The span before a row's, cut to whole hours; null where that is shorter than hours can tell.
export function spanBefore(row) {
  const length = row.to_ms - row.from_ms;
  if (length < HOUR_MS)
    return null;
  const end = row.from_ms - row.from_ms % HOUR_MS;
  return {from: end - length, to: end};
}

export function isLong(span) {
  return span.to - span.from > 2 * DAY_MS;
}

// Days that lie in the span, and what they leave of it for hours.
export function cutByDays(span, days) {
  const chosen = [], gaps = [];
  let at = span.from;
  for (const day of [...days].sort((a, b) => a.from_ms - b.from_ms)) {
    if (day.from_ms < at || day.to_ms > span.to)
      continue;
    if (day.from_ms > at)
      gaps.push({from: at, to: day.from_ms});
    chosen.push(day);
    at = day.to_ms;
  }
  if (at < span.to)
    gaps.push({from: at, to: span.to});
  return {chosen, gaps};
}

// Counts of rows whose spans do not overlap. People are not among them: one may be in several.
export function sum(rows) {
  const fields = [...new Set(RUNGS.map(rung => rung.field)), "spend", "revenue", "orders"];
  const total = {};
  for (const field of fields)
    total[field] = rows.reduce((all, row) => all + row[field], 0);
  return total;
}

function median(values) {
  const sorted = values.filter(value => value !== null).sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : null;
}

function rank(rows, field) {
  const sorted = rows.filter(row => row[field] !== null).sort((a, b) => a[field] - b[field]);
  return new Map(sorted.map((row, at) => [row.key, at + 1]));
}

export const COSTS = ["cost_per_conversation", "cost_per_qualified", "cac"];
const DEAR = 1.5;

// What is usual: the median of the account's rows of that level, of few of them the account's own cost.
function usualOf(all, account, minVolume) {
  const judged = all.filter(row => row.conversations >= minVolume && row.spend > 0);
  return Object.fromEntries(COSTS.map(field =>
    [field, judged.length > 2 ? median(judged.map(row => row[field])) : account?.[field] ?? null]));
}

// Each row with its ranks by cost, cheapest first, and with what makes it a trap: no dearer than usual by
// conversation, and much dearer by what a conversation is for.
export function compare(rows, all, account, minVolume) {
  const usual = usualOf(all, account, minVolume);
  const ranks = Object.fromEntries(COSTS.map(field => [field, rank(rows, field)]));
  const compared = rows.map(row => {
    const isCheap = row.conversations >= minVolume && row.spend > 0 &&
                    row.cost_per_conversation <= usual.cost_per_conversation;
    const dear = isCheap ? ["cost_per_qualified", "cac"].filter(field =>
      usual[field] !== null && row[field] !== null && row[field] > DEAR * usual[field]) : [];
    const own = COSTS.map(field => [field, ranks[field].get(row.key) ?? null]);
    return {row, dear, ranks: Object.fromEntries(own)};
  });
  return compared;
}
