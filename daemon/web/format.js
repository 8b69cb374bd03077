// Numbers as people read them. What is not known is a dash.

const DASH = "–";
const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0});
const moneys = new Map();

export function count(value) {
  return value === null || value === undefined ? DASH : whole.format(value);
}

// With the currency's sign; small amounts with the digits that they need.
export function money(value, currency) {
  if (value === null || value === undefined)
    return DASH;
  const isWholeCents = Math.abs(value * 100 - Math.round(value * 100)) < 1e-9;
  const digits = Math.abs(value) < 1 && !isWholeCents ? 3 : Math.abs(value) < 10000 ? 2 : 0;
  const key = `${currency} ${digits}`;
  if (!moneys.has(key))
    moneys.set(key, new Intl.NumberFormat("en", {style: "currency", currency, minimumFractionDigits: digits,
                                                 maximumFractionDigits: digits}));
  return moneys.get(key).format(value);
}

export function percent(rate) {
  if (rate === null || rate === undefined)
    return DASH;
  const value = rate * 100;
  return `${value.toFixed(value !== 0 && Math.abs(value) < 10 ? 1 : 0)} %`;
}

function short(value) {
  return `${Number(value.toFixed(value < 10 ? 1 : 0))}`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined)
    return DASH;
  const units = [["d", 86400], ["h", 3600], ["min", 60]];
  for (const [unit, length] of units)
    if (seconds >= length * 1.5)
      return `${short(seconds / length)} ${unit}`;
  return `${short(seconds)} s`;
}

export function factor(value) {
  return value === null || !Number.isFinite(value) ? DASH : `${value.toFixed(value < 10 ? 1 : 0)}×`;
}

export function time(ms) {
  return new Date(ms).toLocaleString("en-GB", {dateStyle: "medium", timeStyle: "short"});
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString("en-GB");
}

export function divide(numerator, denominator) {
  return denominator > 0 ? numerator / denominator : null;
}
