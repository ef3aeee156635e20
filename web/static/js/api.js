// Questions to the daemon, and orders given to it. Every failure comes out as a text for people.

/** What went wrong, in words; `status` is that of HTTP, 0 where nobody answered. */
class Trouble extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

const PATIENCE = 15_000; // milliseconds

/** The answer to a word of the vocabulary, `status` or `fills`, as `--json` has it. */
export async function ask(word, params = {}) {
  const query = new URLSearchParams(params).toString();
  return taken(await sent(`/api/${word}${query ? `?${query}` : ""}`, { headers: { Accept: "application/json" } }));
}

/** Have the daemon do something: `tell("pause", {target: "main"})`. */
export async function tell(word, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-Vigil-Action": "1" };
  return taken(await sent(`/api/${word}`, { method: "POST", headers, body: JSON.stringify(body) }));
}

async function sent(path, options) {
  try {
    return await fetch(path, { ...options, credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    throw new Trouble(isLate ? "The daemon did not answer in time." : "The daemon cannot be reached.", 0);
  }
}

async function taken(answer) {
  if (answer.status === 401) {
    location.assign("/login");
    throw new Trouble("You are not logged in.", 401);
  }
  let body = null;
  try {
    body = await answer.json();
  } catch {
    throw new Trouble(`The daemon answered with something else than JSON (HTTP ${answer.status}).`, answer.status);
  }
  if (!answer.ok) throw new Trouble(reason(body) ?? `HTTP ${answer.status}`, answer.status);
  return body;
}

function reason(body) {
  const error = body && body.error;
  if (typeof error === "string") return error;
  return error && typeof error.message === "string" ? error.message : null;
}

/** Whether this daemon asks for a token: where it does not, its login sends one on at once. */
export async function needsLogin() {
  const answer = await fetch("/login", { redirect: "manual" }).catch(() => null);
  return answer?.status === 200;
}

/** End the login; the page of the login follows. */
export async function leave() {
  await fetch("/logout", { method: "POST", redirect: "manual" }).catch(() => null);
  location.assign("/login");
}
