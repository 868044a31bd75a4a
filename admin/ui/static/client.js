// Asking the admin server.

const STORED = "graygate-admin-token";

/** PATIENCE is how long an answer may take, in ms: the server's own bound is below it. */
const PATIENCE = 8000;

/** Problem is an answer that is none, or that says no. status is 0 if the server could not be reached. */
export class Problem extends Error {
  constructor(status, code, message, fix, retryAfter = 0) {
    super(message);
    Object.assign(this, { status, code, fix, retryAfter });
  }
}

/** Client sends requests to where the page came from, with the token if there is one. */
export class Client {
  #token = "";

  constructor() {
    try {
      this.#token = sessionStorage.getItem(STORED) ?? "";
    } catch {
      // Storage is switched off: the token lives as long as the page.
    }
  }

  get hasToken() {
    return this.#token !== "";
  }

  /** useToken sets the token; "" forgets it. */
  useToken(token) {
    this.#token = token;
    try {
      if (token) sessionStorage.setItem(STORED, token);
      else sessionStorage.removeItem(STORED);
    } catch {
      // As above.
    }
  }

  /** get gives the JSON of a path. Throws a Problem. */
  get(path) {
    return this.#json(path, { method: "GET" });
  }

  /** post sends JSON and gives the JSON of the answer. Throws a Problem. */
  post(path, body) {
    return this.#json(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  }

  /** open gives the Response of a path whose body is read as it comes. signal ends it. Throws a Problem. */
  async open(path, signal) {
    const response = await this.#send(path, { method: "GET", signal, headers: { Accept: "text/event-stream" } });
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  async #json(path, options) {
    const response = await this.#send(path, { ...options, signal: AbortSignal.timeout(PATIENCE) });
    if (!response.ok) throw await problemOf(response);
    try {
      return await response.json();
    } catch {
      throw new Problem(0, "broken_answer", "The answer broke off.");
    }
  }

  async #send(path, options) {
    const headers = new Headers(options.headers);
    if (this.#token) headers.set("Authorization", `Bearer ${this.#token}`);
    try {
      return await fetch(new URL(path, new URL("..", document.baseURI)), {
        ...options, headers, cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer",
      });
    } catch (error) {
      if (options.signal?.aborted && error.name === "AbortError") throw error;
      throw new Problem(0, "unreachable", "The gateway cannot be reached.");
    }
  }
}

async function problemOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // Not ours, or cut short: the status has to do.
  }
  const message = typeof body?.message === "string" ? body.message : `The admin server answers ${response.status}.`;
  return new Problem(response.status, body?.error ?? "", message, body?.fix, Number(response.headers.get("Retry-After")) || 0);
}
