// Exact decimals in plain notation, as the ledger writes them. No float is ever made of an amount.

const SHAPE = /^(-?)(\d+)(?:\.(\d+))?$/;

function parsed(text) {
  const found = SHAPE.exec(text);
  if (!found) throw new RangeError(`not a plain decimal: ${text}`);
  const [, sign, whole, fraction = ""] = found;
  return { units: BigInt(sign + whole + fraction), places: fraction.length };
}

const scaled = (one, places) => one.units * 10n ** BigInt(places - one.places);

/** a + b, with neither digit lost nor zero kept. */
export function add(a, b) {
  const [x, y] = [parsed(a), parsed(b)];
  const places = Math.max(x.places, y.places);
  return written(scaled(x, places) + scaled(y, places), places);
}

/** -1, 0 or 1, as a is less than, equal to or greater than b. */
export function compare(a, b) {
  const [x, y] = [parsed(a), parsed(b)];
  const places = Math.max(x.places, y.places);
  const [u, v] = [scaled(x, places), scaled(y, places)];
  return u < v ? -1 : u > v ? 1 : 0;
}

export const isZero = (text) => parsed(text).units === 0n;
export const isNegative = (text) => parsed(text).units < 0n;

/** part / whole in thousandths, rounded down, for a bar that shows progress; 0 where whole is 0. */
export function thousandths(part, whole) {
  const [x, y] = [parsed(part), parsed(whole)];
  if (y.units === 0n) return 0;
  const places = Math.max(x.places, y.places);
  return Number((scaled(x, places) * 1000n) / scaled(y, places));
}

function written(units, places) {
  const sign = units < 0n ? "-" : "";
  const digits = String(units < 0n ? -units : units).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits.slice(digits.length - places).replace(/0+$/, "");
  return sign + whole + (fraction ? `.${fraction}` : "");
}
