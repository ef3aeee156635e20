// How a committed fact joins the rows that are shown. Pure.
//
// The ledger has decided already; these are its rules (core/merge.py, core/orders.py) as far as
// one needs them to follow it from a snapshot on: facts come in order of `seq`, and a snapshot may
// hold some of them already, so to apply one twice, or an older one, must do no harm.
//
// * `impossible` and `stale` statements, and a contradicted fill, change nothing.
// * A fill happened once: what is unknown is completed, its first source is kept.
// * A final state of an order is never left, filled never falls, an older statement only
//   completes; side, type, time in force and creation never change once known.
// * A balance is one statement; of a position only what is mentioned changes, and size 0 ends it.

import { add, compare, isZero } from "./decimal.js";

export const FINAL = new Set(["filled", "canceled", "rejected", "expired"]);
const FIXED = ["side", "type", "time_in_force", "created_at"];
const NAMED = ["client_order_id", "price", "quantity"];
const FOLLOWING = ["filled", ...NAMED, "average_price"];
const ORDER = [...FIXED, ...FOLLOWING, "status", "updated_at", "version"];
const RANK = { untriggered: 0, pending: 0, open: 1, partially_filled: 2, filled: 3, canceled: 3, rejected: 3, expired: 3 };
const FILL = ["client_order_id", "side", "price", "quantity", "fee", "fee_asset", "liquidity", "kind", "traded_at"];
const POSITION = ["size", "entry_price", "unrealised_pnl", "updated_at"];

const isKnown = (value) => value !== null && value !== undefined;
const key = (...parts) => parts.join("\u0000");

export const orderKey = (row) => key(row.account, row.category, row.symbol, row.order_id);
export const fillKey = (row) => key(row.account, row.category, row.symbol, row.order_id, row.trade_id);
export const balanceKey = (row) => key(row.account, row.asset);
export const positionKey = (row) => key(row.account, row.category, row.symbol, row.side);

/** The whole of a journal row's statement, with whose it is. */
const said = (entry) => ({ ...entry.fact, account: entry.account, exchange: entry.exchange });

/** `row` with what `fact` says of `names`; what it does not mention stays. */
function laid(row, fact, names) {
  const next = { ...row };
  for (const name of names) if (isKnown(fact[name])) next[name] = fact[name];
  return next;
}

/** `row` with what it does not know yet from `fact`. */
function completed(row, fact, names) {
  const next = { ...row };
  for (const name of names) if (!isKnown(next[name]) && isKnown(fact[name])) next[name] = fact[name];
  return next;
}

function blank(fact, names, identity) {
  const row = Object.fromEntries(names.map((name) => [name, fact[name] ?? null]));
  return Object.assign(row, Object.fromEntries(identity.map((name) => [name, fact[name] ?? null])));
}

/** The order as it is after this journal row; the very same object where that says nothing new. */
export function mergeOrder(row, entry) {
  if (entry.outcome === "impossible" || entry.outcome === "stale") return row;
  const fact = said(entry);
  if (!row) return { ...blank(fact, ORDER, ["account", "exchange", "category", "symbol", "order_id"]), status: statusOf(fact.status, fact.filled) };
  return age(row, fact) < 0 ? behind(row, fact) : ahead(row, fact);
}

/** An order of which something is filled is not merely open. */
const statusOf = (status, filled) => (status === "open" && isKnown(filled) && !isZero(filled) ? "partially_filled" : status);

/** Below 0 where the statement is older than what is known. */
function age(row, fact) {
  if (FINAL.has(fact.status) && (!FINAL.has(row.status) || row.status !== fact.status)) return 1;
  if (isKnown(row.version) && isKnown(fact.version)) return fact.version - row.version;
  if (isKnown(row.updated_at) && isKnown(fact.updated_at) && row.updated_at !== fact.updated_at) return fact.updated_at - row.updated_at;
  if (isKnown(row.filled) && isKnown(fact.filled) && compare(fact.filled, row.filled)) return compare(fact.filled, row.filled);
  return RANK[statusOf(fact.status, row.filled)] - RANK[row.status];
}

const hasMore = (fact, row) => isKnown(row.filled) && isKnown(fact.filled) && compare(fact.filled, row.filled) > 0;

function behind(row, fact) {
  const next = completed(row, fact, [...FIXED, ...NAMED]);
  if (!hasMore(fact, row)) return next;
  const average_price = fact.average_price ?? row.average_price;
  return { ...next, filled: fact.filled, status: statusOf(row.status, fact.filled), average_price };
}

function ahead(row, fact) {
  if (FINAL.has(row.status) && fact.status !== row.status) return row;
  if (isKnown(row.filled) && isKnown(fact.filled) && compare(fact.filled, row.filled) < 0) return row;
  const next = laid(row, fact, FOLLOWING);
  next.status = statusOf(fact.status, next.filled);
  const isNews = [...FOLLOWING, "status"].some((name) => isKnown(row[name]) && next[name] !== row[name]);
  if (isNews || !isKnown(row.updated_at)) {
    next.version = fact.version ?? null;
    next.updated_at = fact.updated_at ?? row.updated_at;
  }
  return completed(next, fact, FIXED);
}

/** The fill; its `seq` and `source` are those of the first statement. */
export function mergeFill(row, entry) {
  if (!row) {
    const fresh = blank(said(entry), FILL, ["account", "exchange", "category", "symbol", "order_id", "trade_id"]);
    return { ...fresh, seq: entry.seq, source: entry.source, recorded_at: entry.recorded_at };
  }
  return entry.outcome === "changed" ? completed(row, said(entry), FILL) : row;
}

/** The balance: free, locked and total, the last from the others where nobody says it. */
export function mergeBalance(row, entry) {
  const fact = said(entry);
  if (entry.outcome === "stale" || entry.outcome === "impossible") return row;
  if (row && entry.source === "stream" && fact.updated_at < row.updated_at) return row;
  const { account, exchange, asset, updated_at } = fact;
  const free = fact.free ?? null;
  const locked = fact.locked ?? null;
  const total = fact.total ?? (free !== null && locked !== null ? add(free, locked) : null);
  return { account, exchange, asset, free, locked, total, updated_at };
}

/** The position, or null when it is flat. */
export function mergePosition(row, entry) {
  const fact = said(entry);
  if (entry.outcome === "stale" || entry.outcome === "impossible") return row;
  if (row && entry.source === "stream" && fact.updated_at < row.updated_at) return row;
  const next = row ? laid(row, fact, POSITION) : blank(fact, POSITION, ["account", "exchange", "category", "symbol", "side"]);
  return next.size !== null && isZero(next.size) ? null : next;
}
