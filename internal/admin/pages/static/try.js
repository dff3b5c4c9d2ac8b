// The try-it panel: asks the server for tokens as a client's app would, and shows each answer. It believes only what comes
// from the server's origin and from the very frame that it opened, and keeps no token: what it shows of one are its ends.

const panel = document.querySelector("[data-try]");
const endpoint = panel.dataset.endpoint;
const server = new URL(endpoint).origin;
const log = panel.querySelector("[data-log]");
const stage = panel.querySelector("[data-stage]");
const left = panel.querySelector("[data-left]");
const buttons = panel.querySelectorAll("[data-ask]");
const ends = performance.now() + Number(panel.dataset.seconds) * 1000;

// Another node may learn of the trial up to two seconds later; until then its answer is a page that posts nothing.
const IN_FORCE_WITHIN = 6000;
const AFTER_LOAD = 500;
const UNREACHABLE = 10_000;
let inForce = false;
let turn = 0;

const meanings = {
  interaction_required: "The user has to act: nobody is signed in at the server in this browser, or consent is missing. An app shows the sign-in now.",
  login_required: "Nobody is signed in at the server in this browser. An app shows the sign-in now.",
  consent_required: "The user has to agree first. An app shows the sign-in now, which asks for it.",
  access_denied: "The user said no, or may not have this.",
  unauthorized_client: "The client may not use this flow: is assisted_token on for the client and in the profile, and is the client enabled?",
  invalid_scope: "The client does not have one of the scopes.",
  invalid_request: "The request was wrong; the description says how.",
  server_error: "Something failed at the server. Its log says what.",
  temporarily_unavailable: "The server is too busy just now. An app asks again later.",
};

for (const button of buttons) button.addEventListener("click", () => ask(button.dataset.ask));
panel.querySelector("[data-close]").addEventListener("click", () => {
  turn++;
  clearStage();
  entry("Sign-in closed", [], "An app gets access_denied from the browser library here.");
});
countDown();
ask("silent"); // as an app does when it is loaded

async function ask(how) {
  const mine = ++turn;
  clearStage();
  const scope = [...panel.querySelectorAll("[data-scope]:checked")].map((box) => box.value).join(" ");
  const nonce = random();
  const title = { silent: "Silent request", login: "Sign-in", force: "Forced sign-in" }[how];
  entry(title + " asked", [["scope", scope || "(the client's own)"]], "");
  if (how !== "silent" && !inForce) {
    // Whether the server knows of the trial yet is found out in a hidden frame: a refusal is no page to show.
    const probe = await hidden(address(scope, nonce, "none"), mine);
    if (mine !== turn) return;
    if (!probe) return silence();
  }
  const answer = how === "silent" ? await hidden(address(scope, nonce, "none"), mine) : await visible(address(scope, nonce, how === "force" ? "login" : ""), mine);
  if (mine !== turn) return;
  clearStage();
  if (answer) show(title, answer, nonce);
  else silence();
}

function address(scope, nonce, prompt) {
  const query = new URLSearchParams({ client_id: panel.dataset.client, for_origin: location.origin, nonce });
  if (scope) query.set("scope", scope);
  if (prompt) query.set("prompt", prompt);
  return endpoint + "?" + query;
}

/** The answer to a hidden request; undefined where none came within the time in which a trial comes into force. */
async function hidden(url, mine) {
  const until = performance.now() + IN_FORCE_WITHIN;
  while (mine === turn) {
    const frame = makeFrame(url, "Silent request");
    frame.hidden = true;
    frame.tabIndex = -1;
    document.body.append(frame);
    const answer = await answerOf(frame, AFTER_LOAD);
    frame.remove();
    if (answer || performance.now() > until) return answer;
  }
}

/** The answer to a request in which the user acts: it takes as long as it takes. */
async function visible(url, mine) {
  const frame = makeFrame(url, "Sign-in of the server");
  stage.hidden = false;
  stage.append(frame);
  stage.scrollIntoView({ block: "nearest" });
  frame.focus();
  const answer = await answerOf(frame, Infinity);
  return mine === turn ? answer : undefined;
}

function makeFrame(url, title) {
  const frame = document.createElement("iframe");
  frame.allow = "publickey-credentials-get; publickey-credentials-create; storage-access; identity-credentials-get";
  frame.title = title;
  frame.src = url;
  return frame;
}

/** The first message of this frame while it shows a page of the server; undefined so long after it loaded without one. */
function answerOf(frame, patience) {
  return new Promise((resolve) => {
    const done = (answer) => {
      window.removeEventListener("message", hear);
      resolve(answer);
    };
    const hear = (event) => {
      const { data } = event;
      if (!event.isTrusted || event.origin !== server || event.source === null || event.source !== frame.contentWindow) return;
      if (typeof data !== "object" || data === null || (data.status !== "success" && data.status !== "error")) return;
      inForce = true;
      done(data);
    };
    window.addEventListener("message", hear);
    if (patience === Infinity) return;
    frame.addEventListener("load", () => setTimeout(done, patience), { once: true });
    setTimeout(done, UNREACHABLE);
  });
}

function show(title, message, nonce) {
  if (message.status === "error") {
    const rows = [["status", "error"], ["error", message.error], ["error_description", message.error_description]];
    return entry(title + " refused", rows, meanings[message.error] ?? "", "bad");
  }
  const rows = [
    ["status", "success"],
    ["access_token", shorten(message.access_token)],
    ["token_type", message.token_type],
    ["expires_in", message.expires_in + " seconds"],
    ["scope", message.scope],
    ["sub", message.sub],
  ];
  if (message.id_token) {
    const claims = claimsOf(message.id_token);
    rows.push(["id_token", shorten(message.id_token)]);
    rows.push(["its nonce", claims.nonce === nonce ? "is that of the request" : "is another one: an app refuses this token"]);
    for (const name of ["iss", "aud", "acr", "amr"]) if (claims[name] !== undefined) rows.push(["its " + name, [claims[name]].flat().join(", ")]);
  }
  entry(title + " answered", rows, "The app has a token and can call its API. This page keeps nothing of it.", "good");
}

function silence() {
  entry("No answer", [], "The server posted nothing: is the client enabled, is the trial over, is the server's certificate trusted in this browser?", "bad");
}

function entry(title, rows, meaning, kind) {
  const item = document.createElement("li");
  item.className = "callout" + (kind ? " " + kind : "");
  const head = add(item, "p", "");
  add(head, "strong", title);
  head.append(" ");
  add(head, "time", new Date().toLocaleTimeString());
  const list = document.createElement("dl");
  for (const [name, value] of rows) {
    if (value === undefined || value === "") continue;
    add(list, "dt", name);
    add(list, "dd", String(value));
  }
  if (list.firstChild) item.append(list);
  if (meaning) add(item, "p", meaning);
  log.append(item);
}

function add(parent, name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  parent.append(element);
  return element;
}

/** The ends of a token, by which two can be told apart: nothing that anybody could use. */
function shorten(token) {
  const text = String(token);
  if (text.length < 40) return `(${text.length} characters)`;
  const begin = /^usher_[a-z]{2}_/.exec(text)?.[0] ?? "";
  return `${text.slice(0, begin.length + 4)}…${text.slice(-4)} (${text.length} characters)`;
}

function claimsOf(idToken) {
  try {
    const payload = idToken.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

function random() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

function clearStage() {
  stage.querySelector("iframe")?.remove();
  stage.hidden = true;
}

function countDown() {
  const seconds = Math.max(0, Math.round((ends - performance.now()) / 1000));
  left.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (seconds > 0) return setTimeout(countDown, 1000);
  for (const button of buttons) button.disabled = true;
  turn++;
  clearStage();
  entry("The trial is over", [], "Reload this page to begin another one.", "warn");
}
