// Everything that is shown, as signals. The maps behind them take every fact; the signals move
// once a frame at most, so that a thousand facts a second cost a few drawings and no more.
//
// A view is a snapshot of the daemon's plus the facts committed since. Facts that come while the
// snapshot is on its way are laid over it afterwards: to apply one twice does no harm (merge.js).

import { batch, computed, signal } from "./html.js";
import { balanceKey, fillKey, FINAL, mergeBalance, mergeFill, mergeOrder, mergePosition, orderKey, positionKey } from "./merge.js";

const TAPE = 200; // fills that are kept
const ENDED = 12; // orders that just ended, shown for a moment
const LINGER = 12_000; // milliseconds
const POINTS = 900; // seconds of the charts

export const status = signal(null); // the document, and `heard`: when, by our clock
export const histories = signal({}); // of `accounts`: uptime, blind seconds, gaps, by account
export const coverage = signal(null);
export const fees = signal(null); // {day, asset, account}: rows
export const trades = signal(null); // {open, newest, sums, curve}: rows
export const prices = signal(null); // each row with `asked`: when, by our clock
export const incidents = signal(null);
export const choices = signal([]); // what may be broken of an account at the sandbox
export const chart = signal([]);
export const failures = signal({}); // panel -> what went wrong when it was asked for
export const now = signal(Date.now()); // moves once a second
export const link = signal({ phase: "connecting", heard: null, attempt: 0, retryAt: null, why: null });
export const notices = signal([]); // for a screen reader: changes of accounts
export const toast = signal(null);

export const orders = signal(null);
export const ended = signal([]);
export const fills = signal(null);
export const balances = signal(null);
export const positions = signal(null);

/** Whether this daemon was started with a trader. */
export const hasTrader = computed(() => status.value?.actors.some((actor) => actor.group === "trading") ?? false);

/** How far the daemon's clock is before ours, in milliseconds. */
let ahead = 0;
export const daemonNow = computed(() => now.value + ahead);
export const setDaemonNow = (ms) => {
  if (Number.isFinite(ms)) ahead = ms - Date.now();
};

/** Seconds since the daemon was last heard. */
export const silence = computed(() => (link.value.heard === null ? 0 : Math.max(0, (now.value - link.value.heard) / 1000)));

const book = { orders: new Map(), ended: new Map(), fills: new Map(), balances: new Map(), positions: new Map() };
const dirty = new Set();
let flashes = 0;
let waiting = null; // facts that came while snapshots were on their way

// ------------------------------------------------------------------- snapshots

/** From now on facts wait for snapshots that are being fetched. */
export const expectSnapshots = () => {
  waiting = waiting ?? [];
};

/** The views as the daemon has them, then what came meanwhile. A view that is null was not to be had and stays. */
export function replaceViews(views) {
  if (views.orders) refill("orders", views.orders, orderKey);
  if (views.fills) refill("fills", views.fills, fillKey);
  if (views.balances) refill("balances", views.balances, balanceKey);
  if (views.positions) refill("positions", views.positions, positionKey);
  const meanwhile = waiting ?? [];
  waiting = null;
  applyFacts(meanwhile);
  publish();
}

function refill(name, rows, key) {
  const before = book[name];
  book[name] = new Map(rows.map((row) => [key(row), kept(before.get(key(row)), row)]));
  dirty.add(name);
}

/** The row that is shown already where it says the same, so that nothing is drawn again and a version is kept. */
const kept = (old, row) => (old && Object.keys(row).every((name) => old[name] === row[name]) ? old : row);

// ----------------------------------------------------------------------- facts

const BY_KIND = {
  order: takeOrder,
  fill: takeFill,
  balance: (entry) => takeRow("balances", { ...entry.fact, account: entry.account }, balanceKey, mergeBalance, entry),
  position: (entry) => takeRow("positions", { ...entry.fact, account: entry.account }, positionKey, mergePosition, entry),
};

/** Rows of the journal, in order. Nothing is drawn before `publish`. */
export function applyFacts(entries) {
  if (waiting) {
    waiting.push(...entries);
    return;
  }
  for (const entry of entries) BY_KIND[entry.kind]?.(entry);
}

function takeOrder(entry) {
  const key = orderKey({ ...entry.fact, account: entry.account });
  const row = book.orders.get(key);
  const merged = mergeOrder(row ?? book.ended.get(key), entry);
  if (!merged || merged === row) return;
  if (FINAL.has(merged.status)) {
    if (row) book.ended.set(key, { ...merged, flash: ++flashes, endedAt: Date.now() });
    book.orders.delete(key);
    dirty.add("ended");
  } else {
    const isChange = !row || row.status !== merged.status || row.filled !== merged.filled;
    book.orders.set(key, isChange ? { ...merged, flash: ++flashes } : merged);
  }
  dirty.add("orders");
}

function takeFill(entry) {
  const key = fillKey({ ...entry.fact, account: entry.account });
  const row = book.fills.get(key);
  const merged = mergeFill(row, entry);
  if (merged === row) return;
  book.fills.set(key, row ? merged : { ...merged, flash: ++flashes });
  dirty.add("fills");
}

function takeRow(name, identity, keyOf, merge, entry) {
  const key = keyOf(identity);
  const row = book[name].get(key);
  const merged = merge(row, entry);
  if (merged === row) return;
  if (merged === null) book[name].delete(key);
  else book[name].set(key, merged);
  dirty.add(name);
}

// --------------------------------------------------------------------- drawing

const newest = (field) => (a, b) => (b[field] ?? 0) - (a[field] ?? 0);
const byName = (...fields) => (a, b) => {
  for (const field of fields) {
    const order = String(a[field]).localeCompare(String(b[field]));
    if (order) return order;
  }
  return 0;
};

const SHOWN = {
  orders: () => {
    orders.value = [...book.orders.values()].sort(newest("updated_at"));
  },
  ended: () => {
    const recent = [...book.ended.entries()].sort((a, b) => b[1].endedAt - a[1].endedAt).slice(0, ENDED);
    book.ended = new Map(recent);
    ended.value = recent.map(([, row]) => row);
  },
  fills: () => {
    const rows = [...book.fills.entries()].sort((a, b) => b[1].seq - a[1].seq).slice(0, TAPE);
    book.fills = new Map(rows);
    fills.value = rows.map(([, row]) => row);
  },
  balances: () => {
    balances.value = [...book.balances.values()].sort(byName("account", "asset"));
  },
  positions: () => {
    positions.value = [...book.positions.values()].sort(byName("account", "symbol", "side"));
  },
};

/** Show what changed since the last time; the caller chooses the moment. */
export function publish() {
  if (!dirty.size) return;
  const names = [...dirty];
  dirty.clear();
  batch(() => names.forEach((name) => SHOWN[name]()));
}

/** Orders that ended leave after a moment. */
export function sweep(at = Date.now()) {
  for (const [key, row] of book.ended) {
    if (at - row.endedAt > LINGER) {
      book.ended.delete(key);
      dirty.add("ended");
    }
  }
}

// ---------------------------------------------------------------- other events

export function takeStatus(document, heard = Date.now()) {
  const before = status.value;
  setDaemonNow(document.now);
  status.value = { ...document, heard };
  announce(before, document);
}

function announce(before, after) {
  if (!before) return;
  const was = new Map(before.accounts.map((row) => [row.account, row.state]));
  const told = after.accounts
    .filter((row) => was.has(row.account) && was.get(row.account) !== row.state)
    .map((row) => `${row.account} is ${row.state}, was ${was.get(row.account)}`);
  if (told.length) notices.value = [...notices.value.slice(-4), ...told];
}

export function takePoints(points) {
  const last = chart.value.at(-1)?.at ?? 0;
  const fresh = points.filter((point) => point.at > last);
  if (fresh.length) chart.value = [...chart.value, ...fresh].slice(-POINTS);
}

/** Incidents that changed, or that are new, join those that are known. */
export const takeIncidents = (rows) => replaceIncidents([...(incidents.value ?? []), ...rows]);

/** These are known; where one is there twice, the later counts. */
export const replaceIncidents = (rows) => {
  incidents.value = [...new Map(rows.map((row) => [row.id, row])).values()].sort(newest("seen_at"));
};

export function setFailure(panel, text) {
  if (failures.value[panel] === text) return;
  failures.value = { ...failures.value, [panel]: text };
}
