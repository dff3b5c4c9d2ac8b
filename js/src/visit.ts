import type { Constants } from "../assisted-token.d.ts";
import { isObject } from "./message.ts";
import { log } from "./log.ts";
import { makeVerifier } from "./ticket.ts";

// The whole page's way through the server: once, at page load, where no cookie reaches a frame. What the page needs when it
// is back waits in the tab's sessionStorage, and is taken out of it before anything else.

const PENDING = "usher.visit";
const PARAMETER = "usher_ticket";
/** The preflight script's marker: it found the cookies blocked, and took the page through the server. */
const PREFLIGHT = "usher.preflight";
/** When this tab was at the server, and how long it then stays away: nothing that an app does at its start can make a loop. */
const VISITED = "usher.visited";
const PAUSE = 15_000;
/** A user who reloads is no loop, up to so many times a minute. */
const RELOADS = 3;
/** An answer of an authorization server in the address: the app is about to read it. */
const ANSWER = /[#?&](id_token|access_token|code|error)=/;
/** Where the page was scrolled to when it was left: a visit begins before the browser has restored that. */
const PLACE = "usher.place";
/** How long after the page began a visit is still part of its loading, in milliseconds. */
const LOADING = 10_000;
/** How long the page waits to be left, in milliseconds, before it goes on as it is. */
const LEAVING = 10_000;

interface Pending {
  hostUrl: string;
  clientId: string;
  verifier: string;
  marker: Where;
  hash: string;
  state: unknown;
  x: number;
  y: number;
}

/** What a page that was sent back brought with it; `ticket` is empty where the server knew nobody. */
export interface Arrival {
  clientId: string;
  ticket: string;
  verifier: string;
}

/** What this page brought, for one of its assistants. */
let arrival: Arrival | undefined;
/** Whether the page was at the server already: one load, one visit. */
let returned = false;
let stray = false;
let remembering = false;
let going = false;
/** Whether the user has begun to work with the page. */
let touched = false;

/**
 * Takes what came in the address and in the tab's storage out of both; call it before the app's own script can look. Gives a
 * ticket that this tab did not ask for: then it is a window of the app, and another page waits for that.
 */
export function arrive(hostUrl: string): string {
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => (touched = true), { capture: true, once: true });
  const pending = takePending();
  const ticket = new RegExp(`^#${PARAMETER}=([\\w-]*)$`).exec(location.hash)?.[1];
  if (ticket !== undefined) history.replaceState(pending?.state ?? history.state, "", location.href.split("#")[0] + (pending?.hash ?? ""));
  returned = ticket !== undefined;
  // The way led back, with somebody; or the user reloaded a page that was still on it.
  if (pending && (ticket || (!returned && reloaded()))) new Marker(pending.hostUrl, pending.clientId).set(pending.marker);
  if (pending?.hostUrl === hostUrl && ticket !== undefined) {
    arrival = { clientId: pending.clientId, ticket, verifier: pending.verifier };
    scrollTo(pending);
    return "";
  }
  stray = Boolean(ticket);
  return ticket ?? "";
}

/** Gives what the page brought for this client, once. */
export function takeArrival(clientId: string): Arrival | undefined {
  if (arrival?.clientId !== clientId) return undefined;
  const taken = arrival;
  arrival = undefined;
  return taken;
}

function takePending(): Pending | undefined {
  try {
    const text = sessionStorage.getItem(PENDING);
    sessionStorage.removeItem(PENDING);
    const pending: unknown = JSON.parse(text ?? "null");
    return isObject(pending) ? (pending as unknown as Pending) : undefined;
  } catch {
    return undefined;
  }
}

/** Where the user was: as soon as the page is long enough, unless they have moved on by themselves. */
function scrollTo({ x, y }: Pending): void {
  if (!x && !y) return;
  const until = performance.now() + LOADING;
  const step = (): void => {
    if (touched || performance.now() > until) return;
    window.scrollTo(x, y);
    if (Math.abs(scrollY - y) > 1 || Math.abs(scrollX - x) > 1) requestAnimationFrame(step);
  };
  if (document.readyState === "complete") step();
  else addEventListener("load", step, { once: true });
}

/** From now on a page that is left notes where it was scrolled to, for the visit that its reload begins with. */
export function rememberPlace(): void {
  if (remembering) return;
  remembering = true;
  addEventListener("pagehide", () => {
    if (going) return; // that has noted it
    try {
      sessionStorage.setItem(PLACE, JSON.stringify([location.href, scrollX, scrollY]));
    } catch {
      // then it comes back to its top
    }
  });
}

/** Where the page is, or was before its reload. */
function place(): { x: number; y: number } {
  try {
    const [href, x, y] = JSON.parse(sessionStorage.getItem(PLACE) ?? "[]") as [unknown, unknown, unknown];
    sessionStorage.removeItem(PLACE);
    if (href === location.href && !scrollX && !scrollY) return { x: Number(x), y: Number(y) };
  } catch {
    // nothing was noted
  }
  return { x: scrollX, y: scrollY };
}

type Where = "frame" | "server" | "";

/** What an app's origin remembers of one client: that it had a user, and where that session can be found. No secret. */
export class Marker {
  private readonly key: string;

  constructor(hostUrl: string, clientId: string) {
    this.key = `usher ${hostUrl} ${clientId}`;
  }

  /** "frame": a hidden request finds the session. "server": only a visit of the whole page does. Empty: there was no user. */
  get(): Where {
    try {
      return (localStorage.getItem(this.key) ?? "") as Where;
    } catch {
      return "";
    }
  }

  set(where: Where): void {
    try {
      if (where) localStorage.setItem(this.key, where);
      else localStorage.removeItem(this.key);
    } catch {
      // without storage there is no visit, either
    }
  }
}

/**
 * Whether the page may be taken through the server: it is a tab of its own that has just been loaded and did not come from there,
 * nobody has begun to work with it, and this app had a user here, or its preflight script found the cookies blocked.
 */
export function mayVisit(marker: Marker): boolean {
  const fresh = !returned && !stray && !touched && performance.now() < LOADING && !ANSWER.test(location.search + location.hash);
  return fresh && window.top === window && rested() && (marker.get() !== "" || preflown());
}

function rested(): boolean {
  try {
    const recent = visits();
    return reloaded() ? recent.length < RELOADS : recent.every((time) => Date.now() - time > PAUSE);
  } catch {
    return false;
  }
}

function reloaded(): boolean {
  const [entry] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  return entry?.type === "reload";
}

/** When this tab was at the server within the last minute. */
function visits(): number[] {
  const times: unknown = JSON.parse(sessionStorage.getItem(VISITED) ?? "[]");
  return Array.isArray(times) ? times.filter((time): time is number => Math.abs(Date.now() - Number(time)) < 60_000) : [];
}

function preflown(): boolean {
  try {
    return sessionStorage.getItem(PREFLIGHT) === "1";
  } catch {
    return false;
  }
}

/** Whether the visit need not wait for a hidden request to fail. */
export function visitFirst(marker: Marker): boolean {
  return mayVisit(marker) && (marker.get() === "server" || preflown());
}

/**
 * Takes the page through the server and back. The promise is fulfilled only where the browser does not go. The marker goes first,
 * and what comes back sets it again: a way that leads nowhere is gone once.
 */
export async function visit(server: Constants, query: URLSearchParams, marker: Marker): Promise<void> {
  const made = await makeVerifier();
  if (!made || returned) return;
  returned = true; // one visit, whatever becomes of it
  const { href, hash } = location;
  const pending: Pending = { hostUrl: server.hostUrl, clientId: query.get("client_id") ?? "", verifier: made.verifier, marker: marker.get(), hash, state: history.state, ...place() };
  try {
    if (preflown()) sessionStorage.setItem(PREFLIGHT, "2");
    sessionStorage.setItem(VISITED, JSON.stringify([...visits(), Date.now()]));
    sessionStorage.setItem(PENDING, JSON.stringify(pending));
    if (sessionStorage.getItem(PENDING) === null) return;
  } catch {
    return; // a page that cannot know that it has been there would go again and again
  }
  log("taking the page through the server and back: only there the session is known");
  // The server gives a ticket only to who comes from the app; a page that says no-referrer names its origin this once.
  const policy = document.createElement("meta");
  policy.name = "referrer";
  policy.content = "origin";
  document.head.append(policy);
  const way = new URLSearchParams({ ...Object.fromEntries(query), return_to: href.slice(0, href.length - hash.length), ticket_challenge: made.challenge });
  marker.set("");
  going = true;
  location.replace(`${server.hostUrl}/authn/anonymous/preflight?${way.toString()}`);
  await new Promise((resolve) => setTimeout(resolve, LEAVING));
  going = false;
}
