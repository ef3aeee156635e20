// What the coverage of an account comes to over the last day: its gaps, those of several
// categories at one time taken together. Pure.

export const DAY = 86_400_000; // milliseconds
const SAME = 2_000; // gaps that begin and end as near as this are one event

/** The gaps of `rows` that reach into the last day, oldest first; `categories` says where. */
export function gapsOf(rows, nowMs) {
  const found = [];
  const gaps = rows.filter((row) => row.kind === "gap" && (row.until ?? nowMs) > nowMs - DAY);
  for (const row of gaps.sort((a, b) => (a.since ?? 0) - (b.since ?? 0))) {
    const same = found.find((gap) => isSame(gap, row));
    if (same) join(same, row);
    else found.push({ ...row, categories: row.category ? [row.category] : [] });
  }
  return found;
}

const near = (a, b) => a === b || (a !== null && b !== null && Math.abs(a - b) <= SAME);
const isSame = (gap, row) => gap.open === row.open && near(gap.since, row.since) && near(gap.until, row.until);

function join(gap, row) {
  if (row.category && !gap.categories.includes(row.category)) gap.categories.push(row.category);
  if (row.since !== null) gap.since = Math.min(gap.since, row.since);
  if (row.until !== null) gap.until = Math.max(gap.until, row.until);
  gap.closed_after_s = gap.closed_after_s === null ? row.closed_after_s : Math.max(gap.closed_after_s, row.closed_after_s ?? 0);
  gap.repaired = Math.max(gap.repaired ?? 0, row.repaired ?? 0);
}

/** From when on anything is known of the account, within the last day; null where nothing is. */
export function knownSince(rows, nowMs) {
  const firsts = rows.filter((row) => row.since !== null && row.category !== null).map((row) => row.since);
  return firsts.length ? Math.max(Math.min(...firsts), nowMs - DAY) : null;
}

/** Where a stretch lies in a bar of `width`, never narrower than `least`. */
export function stretch(since, until, nowMs, width, least = 3) {
  const place = (ms) => ((Math.min(Math.max(ms, nowMs - DAY), nowMs) - (nowMs - DAY)) / DAY) * width;
  const [from, to] = [place(since ?? nowMs - DAY), place(until ?? nowMs)];
  const wide = Math.max(to - from, least);
  return { x: Math.min(from, width - wide), width: wide };
}

/** Seconds without proof at the time: what gaps share is counted once. */
export function unwatched(gaps, nowMs) {
  let [total, reached] = [0, nowMs - DAY];
  for (const gap of gaps) {
    const from = Math.max(gap.since ?? 0, reached);
    const to = gap.until ?? nowMs;
    if (to > from) total += to - from;
    reached = Math.max(reached, to);
  }
  return total / 1000;
}
