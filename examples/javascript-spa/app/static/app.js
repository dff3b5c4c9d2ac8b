// The app. What it does with its user is in `examples`, one line each; the rest shows what was sent and
// what came back.
"use strict";

(() => {
  const { server, client } = document.documentElement.dataset;
  const byId = (id) => document.getElementById(id);

  if (!window.curity) {
    byId("notice").hidden = false;
    byId("status").textContent = "The browser library did not load.";
    return;
  }

  const assistant = curity.token.assistant({
    clientId: client,
    autoPrepareJqueryAjaxForOrigins: ["^/.*$"],
  });
  assistant.prepareJQuery($);

  const examples = {
    getTokensWithPopup: () => assistant.loginIfRequired(),
    getResource: () => $.get("/api"),
    getTokens: () => assistant.fetchTokens(),
    login: () => assistant.login({ force_auth: true, scope: "openid" }),
    logout: () => assistant.logout(),
    stepUp: () => assistant.loginIfRequired({ scope: "openid profile payment" }),
  };

  Object.entries(examples).forEach(([id, run], i) => {
    const button = byId(id);
    const result = byId(`result_${i + 1}`);
    button.disabled = false;
    button.addEventListener("click", () => {
      const request = new Sent(id === "getResource" ? ownRequest() : []);
      button.setAttribute("aria-busy", "true");
      delete result.dataset.outcome;
      result.replaceChildren();
      const settle = (outcome, answer) => {
        button.removeAttribute("aria-busy");
        show(result, request.lines(), outcome, answer);
        showStatus();
      };
      run().then(
        (answer) => settle("resolved", answer),
        (error) => settle("rejected", error),
      );
    });
  });

  // ownRequest says what the API is about to be sent; the library adds the header.
  function ownRequest() {
    const header = assistant.getAuthHeader();
    return ["GET /api", header ? `Authorization: ${header.slice(0, 17)}…${header.slice(-6)}` : "no Authorization header"];
  }

  // Sent collects the requests that the library makes to the server from now on: the frames that it adds to
  // the page, and what it fetches. Their addresses carry no secret, so they can be shown.
  class Sent {
    constructor(lines) {
      this.collected = lines;
      this.frames = new MutationObserver((records) => this.addFrames(records));
      this.frames.observe(document, { childList: true, subtree: true });
      this.fetches = new PerformanceObserver((list) => this.addFetches(list.getEntries()));
      this.fetches.observe({ type: "resource" });
    }

    add(kind, address) {
      if (!address.startsWith(`${server}/`)) return;
      const url = new URL(address);
      const parameters = Array.from(url.searchParams, ([name, value]) => `${name}=${value}`);
      this.collected.push([`${kind} ${url.pathname}`, ...parameters].join("\n"));
    }

    addFrames(records) {
      const added = records.flatMap(({ addedNodes }) => [...addedNodes]).filter((node) => node instanceof Element);
      const frames = added.flatMap((node) => (node.matches("iframe") ? [node] : [...node.querySelectorAll("iframe")]));
      for (const frame of frames) this.add(frame.ariaHidden === "true" ? "hidden frame" : "frame", frame.src);
    }

    addFetches(entries) {
      for (const { initiatorType, name } of entries) if (initiatorType === "fetch") this.add("fetch", name);
    }

    // lines ends the collection.
    lines() {
      this.addFrames(this.frames.takeRecords());
      this.addFetches(this.fetches.takeRecords());
      this.frames.disconnect();
      this.fetches.disconnect();
      return this.collected.length ? this.collected : ["nothing: the token at hand is still good"];
    }
  }

  function show(result, sent, outcome, answer) {
    const list = element("ul");
    for (const request of sent) {
      const [first, ...parameters] = request.split("\n");
      const item = element("li", first);
      item.append(...parameters.map((parameter) => element("div", parameter)));
      list.append(item);
    }
    const label = element("p", outcome === "resolved" ? "The promise is resolved." : "The promise is rejected.");
    label.className = "outcome";
    label.dataset.outcome = outcome;
    const members = element("dl");
    for (const [name, value] of Object.entries(plain(answer))) {
      members.append(element("dt", name), shown(name, value));
    }
    result.replaceChildren(element("h3", "Sent"), list, element("h3", "Came back"), label, members);
    result.dataset.outcome = outcome;
  }

  // plain makes a flat object of what came back: a message, the API's answer, or a jQuery error.
  function plain(answer) {
    if (answer && typeof answer.getResponseHeader === "function") {
      return {
        status: answer.status,
        "WWW-Authenticate": answer.getResponseHeader("WWW-Authenticate"),
        ...answer.responseJSON,
      };
    }
    const { claims, ...rest } = answer ?? {};
    return { ...rest, ...claims };
  }

  // shown is the value of one member; a token is shortened, with a button to see all of it.
  function shown(name, value) {
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    const dd = element("dd");
    if (!["token", "access_token", "id_token"].includes(name)) {
      dd.textContent = text;
      return dd;
    }
    const short = `${text.slice(0, 10)}…${text.slice(-6)}`;
    const token = element("span", short);
    token.className = "token";
    const toggle = element("button", "Show");
    toggle.type = "button";
    toggle.setAttribute("aria-label", `Show all of ${name}`);
    toggle.setAttribute("aria-pressed", "false");
    toggle.addEventListener("click", () => {
      const open = toggle.getAttribute("aria-pressed") === "false";
      toggle.setAttribute("aria-pressed", String(open));
      toggle.textContent = open ? "Hide" : "Show";
      token.textContent = open ? text : short;
    });
    dd.append(token, toggle);
    return dd;
  }

  function element(name, text) {
    const e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    return e;
  }

  function showStatus() {
    const status = byId("status");
    const held = assistant.isAuthenticated() && !assistant.isExpired();
    const state = held ? "in" : "out";
    const { subject } = assistant.getAdditionalData() ?? {};
    const text = held ? `Signed in as ${subject}` : "No token is held.";
    if (status.textContent !== text) status.textContent = text; // said aloud when it changes, not each second
    status.dataset.state = state;
  }

  showStatus();
  setInterval(showStatus, 1000);
})();
