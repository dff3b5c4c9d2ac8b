import type { JQueryLike } from "../assisted-token.d.ts";
import { resolve, type UrlRule } from "./origins.ts";

/** Somewhere that a token comes from, and the requests that may carry it. */
export interface Sender {
  header(): string;
  allows: UrlRule;
}

type Request = Pick<XMLHttpRequest, "open" | "setRequestHeader" | "send">;

/** Senders for every XMLHttpRequest of the page. */
const everywhere: Sender[] = [];
/** Senders for one request, that a jQuery made. */
const tagged = new WeakMap<object, Sender[]>();
/** Where a request goes to, and whether it has an Authorization header by now. */
const opened = new WeakMap<object, { url: URL | undefined; authorized: boolean }>();
const watched = new WeakSet<object>();
const prepared = new WeakMap<Sender, WeakSet<object>>();

/** All requests of the page, jQuery's too, are asked about from now on. */
export function prepareRequests(sender: Sender): void {
  everywhere.unshift(sender); // the newest assistant's token counts
  watch(XMLHttpRequest.prototype);
}

/**
 * Attaches to one jQuery, once. The decision is left to the moment of sending, since a `beforeSend`
 * may still change the address.
 */
export function prepareJQuery($: JQueryLike, sender: Sender): void {
  const done = prepared.get(sender) ?? new WeakSet();
  prepared.set(sender, done);
  if (done.has($)) return;
  done.add($);
  $.ajaxPrefilter((options) => {
    const make = options.xhr;
    if (!make) return;
    options.xhr = function (this: unknown) {
      const request = make.call(this);
      tagged.set(request, [sender, ...(tagged.get(request) ?? [])]);
      if (!watched.has(Object.getPrototypeOf(request) as object)) watch(request);
      return request;
    };
  });
}

/** Wraps the three functions of a request, or of all requests, once. */
function watch(target: Request): void {
  if (watched.has(target)) return;
  watched.add(target);
  const { open, setRequestHeader, send } = target;

  target.open = function (this: XMLHttpRequest, ...args: unknown[]) {
    if (args.length > 1) args[1] = String(args[1]); // what is opened is what is judged
    Reflect.apply(open, this, args);
    // Another document's request (a frame's) has a base of its own, which cannot be known here.
    const base = this instanceof XMLHttpRequest ? document.baseURI : undefined;
    opened.set(this, { url: resolve(String(args[1]), base), authorized: false });
  };
  target.setRequestHeader = function (this: XMLHttpRequest, name, value) {
    setRequestHeader.call(this, name, value);
    const state = opened.get(this);
    if (state && String(name).toLowerCase() === "authorization") state.authorized = true;
  };
  target.send = function (this: XMLHttpRequest, body) {
    authorize(this);
    send.call(this, body);
  };
}

function authorize(request: XMLHttpRequest): void {
  const { url, authorized = true } = opened.get(request) ?? {};
  if (!url || authorized) return;
  for (const sender of [...(tagged.get(request) ?? []), ...everywhere]) {
    const header = sender.allows(url) ? sender.header() : "";
    if (header) return request.setRequestHeader("Authorization", header);
  }
}
