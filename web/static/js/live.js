// The line to the daemon: one stream of events, and the questions that belong to it.
//
// The stream is opened again after it breaks, with a growing pause, from the last `seq` that was
// seen on. A daemon that was started anew, or one that skipped something, has every view fetched
// again. What the journal does not tell (histories, coverage, fees) is asked for at intervals,
// soon after something moved, and not while nobody looks at the page.

import { ask } from "./api.js";
import * as store from "./store.js";

const SILENT = 20_000; // milliseconds without a word, after which the line is taken for dead
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 8_000;
const FRAME = 100; // at most ten drawings a second
const HURRY = 25; // facts at once, beyond which nothing flashes
const SOON = 3_000; // after something moved
const SHARE = 20; // what takes long is asked for the less often: a page costs the daemon one part of its time in so many
const SLOW = { histories: 15_000, coverage: 15_000, fees: 20_000, prices: 2_000, trades: 5_000, views: 60_000 };

let source = null;
let after = null; // the last seq seen
let attempt = 0;
let reopening = 0;
let drawn = 0;
let isDrawing = false;
const asked = {}; // what -> when it was last asked for
const took = {}; // what -> milliseconds until it was answered
const answering = new Set(); // what is asked for now
const due = new Set(); // what should be asked for soon

/** Begin; never ends. */
export function start() {
  open();
  setInterval(beat, 1000);
  document.addEventListener("visibilitychange", () => !document.hidden && beat());
  window.addEventListener("online", retryNow);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => event.persisted && retryNow());
}

/** The last seq that was taken. */
export const place = () => after;

/** Do not wait for the end of the pause. */
export function retryNow() {
  if (source && store.link.value.phase === "live") return;
  clearTimeout(reopening);
  open();
}

let fetching = null;

/** Fetch every view again, after those that are being fetched, however that ends. */
export function refresh() {
  fetching = (fetching ?? Promise.resolve()).then(fetchViews, fetchViews);
  return fetching;
}

async function fetchViews() {
  store.expectSnapshots();
  const views = await Promise.all([
    get("orders", "orders", { open: "true", limit: 0 }),
    get("fills", "fills", { limit: 200 }),
    get("balances", "balances"),
    get("positions", "positions"),
  ]);
  const [orders, fills, balances, positions] = views;
  store.replaceViews({ orders, fills, balances, positions });
  asked.views = Date.now();
}

/** The answer, or null with the reason put where the panel shows it. */
async function get(panel, word, params) {
  try {
    const answer = await ask(word, params);
    store.setFailure(panel, null);
    return answer;
  } catch (trouble) {
    store.setFailure(panel, trouble.message);
    return null;
  }
}

// ------------------------------------------------------------------ the stream

function open() {
  close();
  store.link.value = { ...store.link.value, phase: store.link.value.heard ? "lost" : "connecting", attempt, retryAt: null };
  const opened = new EventSource(after === null ? "/events" : `/events?after=${after}`);
  source = opened;
  const on = (name, take) =>
    opened.addEventListener(name, (event) => {
      if (source !== opened) return;
      if (event.lastEventId) after = Number(event.lastEventId);
      heard();
      take(JSON.parse(event.data));
    });
  on("hello", greeted);
  on("facts", (rows) => (store.applyFacts(rows), moved(rows), draw(rows.length)));
  on("skipped", askAgain);
  on("status", statusCame);
  on("chart", (point) => store.takePoints([point]));
  on("incidents", store.takeIncidents);
  opened.onerror = () => source === opened && lost("The line to the daemon broke.");
}

function close() {
  source?.close();
  source = null;
}

function heard() {
  attempt = 0;
  store.link.value = { phase: "live", heard: Date.now(), attempt: 0, retryAt: null, why: null };
}

function lost(why) {
  close();
  attempt += 1;
  const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1));
  const pause = longest / 2 + (Math.random() * longest) / 2;
  store.link.value = { ...store.link.value, phase: "lost", attempt, retryAt: Date.now() + pause, why };
  clearTimeout(reopening);
  reopening = setTimeout(open, pause);
  void whyRefused();
}

/** An EventSource does not say why it was refused; a question does, and leads to the login where that is why. */
async function whyRefused() {
  if (attempt >= 2) await ask("version").catch(() => null);
}

function greeted(hello) {
  store.setDaemonNow(hello.now);
  after ??= hello.sequence;
  askAgain();
}

function statusCame(document) {
  const before = store.status.value;
  store.takeStatus(document);
  const states = (one) => one?.accounts.map((row) => `${row.account}:${row.state}`).join();
  if (before && states(before) !== states(document)) due.add("coverage").add("histories");
}

function moved(rows) {
  if (rows.some((row) => row.kind === "fill")) due.add("fees").add("trades");
}

// ------------------------------------------------------------------- at rest

const QUESTIONS = {
  histories: async () => {
    const rows = await get("health", "accounts");
    if (rows) store.histories.value = Object.fromEntries(rows.map((row) => [row.account, row]));
  },
  coverage: async () => {
    const rows = await get("coverage", "coverage", { since: "24h" });
    if (rows) store.coverage.value = rows;
  },
  fees: async () => {
    const [day, asset, account] = await Promise.all([
      get("fees", "fees", { by: "day", since: "30d" }),
      get("fees", "fees", { by: "asset" }),
      get("fees", "fees", { by: "account" }),
    ]);
    if (day && asset && account) store.fees.value = { day, asset, account };
  },
  trades: async () => {
    if (!store.hasTrader.value) return;
    const [open, newest, sums, curve] = await Promise.all([
      get("trades", "trades", { open: "true", limit: 0 }),
      get("trades", "trades", { limit: 50 }),
      get("trades", "trades", { what: "profit", by: "symbol", since: "30d", limit: 0 }),
      get("trades", "trades", { what: "curve", since: "30d", limit: 1000 }),
    ]);
    if (open && newest && sums && curve) store.trades.value = { open: open.map((row) => ({ ...row, asked: Date.now() })), newest, sums, curve };
  },
  prices: async () => {
    if (!store.hasTrader.value) return;
    const rows = await get("prices", "prices");
    if (rows) store.prices.value = rows.map((row) => ({ ...row, asked: Date.now() }));
  },
  incidents: async () => {
    const [newest, open] = await Promise.all([get("incidents", "incidents", { limit: 200 }), get("incidents", "incidents", { open: "true", limit: 0 })]);
    if (newest && open) store.replaceIncidents([...newest, ...open]);
  },
  choices: async () => {
    const rows = await get("health", "faults");
    if (rows) store.choices.value = rows;
  },
  views: refresh,
};

/** Ask everything anew, whenever it was asked last. */
export const askAgain = () => void slowly(Object.keys(QUESTIONS));

const slowly = (names) => Promise.all(names.map(put));

async function put(name) {
  const began = (asked[name] = Date.now());
  answering.add(name);
  try {
    await QUESTIONS[name]();
  } finally {
    answering.delete(name);
    took[name] = Date.now() - began;
  }
}

/** Whether it is time to ask for this: not while an answer is on its way, nor too soon for what that costs. */
const isTime = (name, least) => !answering.has(name) && Date.now() - (asked[name] ?? 0) > Math.max(least, SHARE * (took[name] ?? 0));

function beat() {
  store.now.value = Date.now();
  store.sweep();
  store.publish();
  const { phase, heard: last } = store.link.value;
  if (source && last !== null && Date.now() - last > SILENT && phase === "live") lost("The daemon fell silent.");
  if (phase !== "live" || document.hidden) return;
  const late = Object.keys(SLOW).filter((name) => isTime(name, SLOW[name]));
  const soon = [...due].filter((name) => isTime(name, SOON));
  soon.forEach((name) => due.delete(name));
  void slowly([...new Set([...late, ...soon])]);
}

/** At the next frame, ten times a second at most, however much comes. */
function draw(size) {
  document.documentElement.classList.toggle("hurried", size > HURRY);
  if (isDrawing) return;
  isDrawing = true;
  const wait = Math.max(0, drawn + FRAME - performance.now());
  setTimeout(() => {
    const show = () => {
      isDrawing = false;
      drawn = performance.now();
      store.publish();
    };
    if (document.hidden) show();
    else requestAnimationFrame(show);
  }, wait);
}
