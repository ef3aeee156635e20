// What was earned over time, as a line: pure. Amounts are exact where they are summed; only where
// they become a place in a picture are they numbers.
import { add, isNegative, isZero } from "./decimal.js";

export const WIDTH = 1000;
export const HEIGHT = 140;
const MARGIN = 6;

/** Good news, bad news, or none. */
export const kindOf = (text) => (text === null || isZero(text) ? "" : isNegative(text) ? "loss" : "gain");

/** The sums of a field by quote asset, exact; `unknown` counts the rows that do not know theirs. */
export function sumsOf(rows, field) {
  const sums = {};
  for (const row of rows) {
    const sum = (sums[row.quote] ??= { total: null, unknown: 0 });
    if (row[field] === null) sum.unknown += 1;
    else sum.total = sum.total === null ? row[field] : add(sum.total, row[field]);
  }
  return sums;
}

/** The points of a curve by quote asset. */
export function curvesOf(points) {
  const curves = {};
  for (const point of points) (curves[point.quote] ??= []).push(point);
  return curves;
}

/** The corners of a line of steps from nothing to the last total, and the height of zero. */
export function lineOf(points) {
  const totals = points.map((point) => Number(point.total));
  const [least, most] = [Math.min(0, ...totals), Math.max(0, ...totals)];
  const [from, to] = [points[0].at, points.at(-1).at];
  const x = (at) => (to === from ? WIDTH / 2 : ((at - from) / (to - from)) * WIDTH);
  const y = (total) => HEIGHT - MARGIN - (most === least ? 0.5 : (total - least) / (most - least)) * (HEIGHT - 2 * MARGIN);
  const corners = [[0, y(0)]];
  points.forEach((point, n) => corners.push([x(point.at), corners.at(-1)[1]], [x(point.at), y(totals[n])]));
  corners.push([WIDTH, corners.at(-1)[1]]);
  return { line: corners.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" "), zero: y(0).toFixed(1) };
}
