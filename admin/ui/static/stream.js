// Events as they happen: GET /events, read with fetch, because an EventSource cannot carry a token.

/** LINE_BYTES bounds what is kept of a line that does not end. */
const LINE_BYTES = 64 * 1024;

/** Parser takes text of an event stream in any pieces and gives each event's data: onEvent(kind, data). */
export class Parser {
  #rest = "";
  #kind = "";
  #data = [];

  constructor(onEvent) {
    this.onEvent = onEvent;
  }

  feed(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    if (this.#rest.length > LINE_BYTES) throw new Error("a line of the event stream is too long");
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === "") {
      if (this.#data.length) this.onEvent(this.#kind || "message", this.#data.join("\n"));
      this.#kind = "";
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#kind = value;
    if (field === "data") this.#data.push(value);
  }
}

/**
 * follow reads the stream until signal ends it or it breaks: onOpen() when it is there, onEvent(event) for each. It returns when
 * the stream is over and throws a Problem if there is none. Who calls it polls meanwhile, and so misses nothing.
 */
export async function follow(client, since, signal, onOpen, onEvent) {
  const response = await client.open(`events?since=${since}`, signal);
  const parser = new Parser((kind, data) => {
    if (kind !== "lost") onEvent(JSON.parse(data)); // what was lost, the next poll says too
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  onOpen();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(value);
  }
}
