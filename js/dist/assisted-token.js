"use strict";
(() => {
  var __defProp = Object.defineProperty;
  var __defNormalProp = (obj, key, value) => key in obj ? __defProp(obj, key, { enumerable: true, configurable: true, writable: true, value }) : obj[key] = value;
  var __publicField = (obj, key, value) => __defNormalProp(obj, typeof key !== "symbol" ? key + "" : key, value);

  // origins.ts
  function resolve(url, base) {
    if (base === void 0 && !/^https?:\/\//i.test(url)) return void 0;
    try {
      const found = new URL(url, base);
      return /^https?:$/.test(found.protocol) ? found : void 0;
    } catch {
      return void 0;
    }
  }
  function patternRule(patterns, page) {
    const rules = patterns.map((pattern) => ({ expression: compile(pattern), origin: originOf(pattern) }));
    return (url) => {
      const path = url.pathname + url.search;
      if (url.origin === page) return rules.some(({ expression }) => expression.test(path));
      return rules.some(({ expression, origin }) => origin === url.origin && expression.test(url.origin + path));
    };
  }
  function compile(pattern) {
    try {
      return new RegExp(pattern);
    } catch {
      throw new Error(`usher: autoPrepareJqueryAjaxForOrigins has '${pattern}', which is no regular expression`);
    }
  }
  function originOf(pattern) {
    const origin = literalOrigin(pattern);
    if (!origin && /^\^?http/.test(pattern)) {
      console.warn(`usher: '${pattern}' sends the token nowhere: it has to begin with one scheme and host, such as ^https://api\\.example\\.com/`);
    }
    return origin;
  }
  function literalOrigin(pattern) {
    const begin = /^\^?(https?):(?:\/|\\\/){2}((?:[a-z0-9-]|\\?\.(?![*+?{])|\\-|\\\[[0-9a-f:]+\\\])+)(:[0-9]+)?(?=\/|\\\/|\$|$)/.exec(pattern);
    if (!begin) return void 0;
    const [, scheme, host, port = ""] = begin;
    try {
      return new URL(`${scheme}://${host?.replace(/\\/g, "")}${port}`).origin;
    } catch {
      return void 0;
    }
  }

  // ajax.ts
  var everywhere = [];
  var tagged = /* @__PURE__ */ new WeakMap();
  var opened = /* @__PURE__ */ new WeakMap();
  var watched = /* @__PURE__ */ new WeakSet();
  var prepared = /* @__PURE__ */ new WeakMap();
  function prepareRequests(sender) {
    everywhere.unshift(sender);
    watch(XMLHttpRequest.prototype);
  }
  function prepareJQuery($, sender) {
    const done = prepared.get(sender) ?? /* @__PURE__ */ new WeakSet();
    prepared.set(sender, done);
    if (done.has($)) return;
    done.add($);
    $.ajaxPrefilter((options) => {
      const make = options.xhr;
      if (!make) return;
      options.xhr = function() {
        const request = make.call(this);
        tagged.set(request, [sender, ...tagged.get(request) ?? []]);
        if (!watched.has(Object.getPrototypeOf(request))) watch(request);
        return request;
      };
    });
  }
  function watch(target) {
    if (watched.has(target)) return;
    watched.add(target);
    const { open, setRequestHeader, send } = target;
    target.open = function(...args) {
      if (args.length > 1) args[1] = String(args[1]);
      Reflect.apply(open, this, args);
      const base = this instanceof XMLHttpRequest ? document.baseURI : void 0;
      opened.set(this, { url: resolve(String(args[1]), base), authorized: false });
    };
    target.setRequestHeader = function(name, value) {
      setRequestHeader.call(this, name, value);
      const state = opened.get(this);
      if (state && String(name).toLowerCase() === "authorization") state.authorized = true;
    };
    target.send = function(body) {
      authorize(this);
      send.call(this, body);
    };
  }
  function authorize(request) {
    const { url, authorized = true } = opened.get(request) ?? {};
    if (!url || authorized) return;
    for (const sender of [...tagged.get(request) ?? [], ...everywhere]) {
      const header = sender.allows(url) ? sender.header() : "";
      if (header) return request.setRequestHeader("Authorization", header);
    }
  }

  // errors.ts
  function failure(error, error_description, more = {}) {
    return { error, error_description, error_code: error, ...more };
  }
  var REASONS = ["not_signed_in", "needs_click", "cookies_blocked"];
  function reasonOf(value) {
    return REASONS.includes(value) ? value : void 0;
  }
  function needsUser(error) {
    const code = error?.error;
    return code === "interaction_required" || code === "consent_required";
  }
  function silence(hostUrl, clientId, seconds) {
    const server = new URL(hostUrl).origin;
    const text = `No answer from ${server} within ${seconds} seconds. Is this page's origin, ${location.origin}, among the allowed origins of the client '${clientId}'? Is the server's certificate trusted (open ${hostUrl}/ in a tab)? Is this page's Content-Security-Policy in the way (it needs: frame-src ${server})?`;
    console.warn("usher: " + text);
    return failure("temporarily_unavailable", text);
  }

  // parameters.ts
  var PASSED_ON = ["scope", "force_auth", "prompt", "max_age", "acr_values", "login_hint", "ui_locales"];
  function own(given) {
    return Object.assign(/* @__PURE__ */ Object.create(null), given);
  }
  function asked(parameters, defaultScope) {
    const given = own(parameters);
    const clean = own({});
    for (const name of PASSED_ON) {
      const value = String(given[name] ?? "").trim();
      if (value) clean[name] = value;
    }
    if (clean.force_auth !== "true") delete clean.force_auth;
    if (!clean.scope && defaultScope) clean.scope = defaultScope;
    return clean;
  }
  function words(list) {
    return (list ?? "").split(/\s+/).filter(Boolean);
  }
  function demandsUser(ask) {
    return ask.force_auth !== void 0 || words(ask.prompt).some((word) => word === "login" || word === "consent");
  }
  function allowsHeldToken(ask) {
    return ask.force_auth === void 0 && ask.prompt === void 0 && ask.max_age === void 0;
  }
  function queryOf(ask, hidden, clientId, forOrigin) {
    const query = new URLSearchParams({ client_id: clientId, for_origin: forOrigin });
    const prompt = hidden ? "none" : words(ask.prompt).filter((word) => word !== "none").join(" ");
    for (const [name, value] of Object.entries({ ...ask, prompt })) {
      if (value) query.set(name, value);
    }
    return query;
  }

  // message.ts
  function isObject(data) {
    return typeof data === "object" && data !== null && !Array.isArray(data);
  }
  function readTokens(data, nonce) {
    if (!isSuccess(data)) return void 0;
    const fields = own(data);
    const { access_token, expires_in, id_token } = fields;
    const type = fields["token_type"] ?? "bearer";
    if (typeof access_token !== "string" || !/^[\x21-\x7e]+$/.test(access_token)) throw failure("server_error", "The server's answer has no token.");
    if (typeof type !== "string" || type.toLowerCase() !== "bearer") throw failure("server_error", "The server's answer has a token of another type than bearer.");
    if (typeof expires_in !== "number" || !(expires_in >= 0)) throw failure("server_error", "The server's answer does not say how long the token lives.");
    if (id_token !== void 0 && nonceOf(id_token) !== nonce) throw failure("server_error", "The id_token's nonce is not the one of this request.");
    return { ...data, access_token, expires_in };
  }
  function isSuccess(data) {
    if (!isObject(data)) return false;
    const { status } = own(data);
    if (status === "error") throw errorFrom(data);
    return status === "success";
  }
  function errorFrom(data) {
    const { error, error_description, error_uri, reason: given } = own(isObject(data) ? data : {});
    const reason = reasonOf(given);
    return failure(
      typeof error === "string" && error ? error : "server_error",
      typeof error_description === "string" ? error_description : "The server gave no description.",
      { ...typeof error_uri === "string" && { error_uri }, ...reason && { reason } }
    );
  }
  function nonceOf(idToken) {
    try {
      const payload = String(idToken).split(".")[1] ?? "";
      const claims = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
      return isObject(claims) ? own(claims)["nonce"] : void 0;
    } catch {
      return void 0;
    }
  }
  function makeNonce() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // channel.ts
  var Channel = class {
    constructor(name, hear) {
      __publicField(this, "channel");
      if (typeof BroadcastChannel !== "function") return;
      this.channel = new BroadcastChannel(name);
      this.channel.onmessage = ({ data }) => {
        if (isObject(data) && typeof data["type"] === "string") hear(data);
      };
    }
    tell(news) {
      this.channel?.postMessage(news);
    }
    /** A moment later, so that the last word is heard. */
    close() {
      setTimeout(() => this.channel?.close(), 1e3);
    }
  };
  function windowChannel(hostUrl) {
    return `usher ${hostUrl}`;
  }
  function ownPage() {
    return location.origin + location.pathname;
  }
  var LostWindow = class {
    constructor(hostUrl) {
      __publicField(this, "channel");
      __publicField(this, "ticket", "");
      __publicField(this, "hostUrl");
      this.hostUrl = hostUrl;
    }
    /** The frame asks for it; only there is the verifier. */
    listen(reply) {
      this.channel ?? (this.channel = new Channel(windowChannel(this.hostUrl), (news) => {
        if (news.type !== "ticket") return;
        this.ticket = news.ticket;
        this.channel?.tell({ type: "heard", ticket: news.ticket });
        reply({ type: "ticket", ticket: news.ticket });
      }));
    }
    found() {
      if (this.ticket) this.channel?.tell({ type: "taken", ticket: this.ticket });
    }
    close() {
      this.channel?.close();
    }
  };
  var HEARING = 500;
  var TAKING = 15e3;
  var passedOn = Promise.resolve();
  function passOn(hostUrl, ticket) {
    passedOn = new Promise((resolve2) => {
      const giveUp = () => {
        channel.close();
        resolve2();
      };
      let timer = setTimeout(giveUp, HEARING);
      const channel = new Channel(windowChannel(hostUrl), (news) => {
        if (!("ticket" in news) || news.ticket !== ticket) return;
        if (news.type === "taken") window.close();
        if (news.type !== "heard" && news.type !== "refused") return;
        clearTimeout(timer);
        timer = setTimeout(giveUp, news.type === "heard" ? TAKING : HEARING);
      });
      channel.tell({ type: "ticket", ticket });
    });
  }

  // log.ts
  var nobody = { debug: false };
  var listener = nobody;
  function logFor(api) {
    listener = api;
  }
  function log(...what) {
    if (listener.debug) console.log("usher:", ...what);
  }
  function logged(promise) {
    return promise.catch((error) => {
      log("failed:", error.error, error.error_description, ...error.reason ? ["reason:", error.reason] : []);
      throw error;
    });
  }

  // bytes.ts
  function base64url(bytes) {
    const text = String.fromCharCode(...new Uint8Array(bytes));
    return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  function utf8(text) {
    return new TextEncoder().encode(text);
  }
  function subtle() {
    return crypto.subtle;
  }
  async function sha256(text) {
    return subtle()?.digest("SHA-256", utf8(text));
  }

  // frame.ts
  var ALLOW = "publickey-credentials-get; publickey-credentials-create; storage-access; identity-credentials-get";
  function makeFrame(url, title) {
    const frame = document.createElement("iframe");
    frame.allow = ALLOW;
    frame.title = title;
    frame.referrerPolicy = "origin";
    frame.src = url;
    return frame;
  }
  function answerFrom(frame, origin, read) {
    let hear = () => void 0;
    const answer = new Promise((resolve2, reject) => {
      hear = (event) => {
        const page = frame.contentWindow;
        if (!event.isTrusted || event.origin !== origin || page === null || event.source !== page) return;
        try {
          const found = read(event.data, (message, ports = []) => page.postMessage(message, origin, ports));
          if (found !== void 0) resolve2(found);
        } catch (error) {
          reject(error);
        }
      };
    });
    window.addEventListener("message", hear);
    return { answer, stop: () => window.removeEventListener("message", hear) };
  }
  async function askHidden(url, read, seconds, late) {
    const frame = makeFrame(url, "Silent request");
    frame.style.setProperty("display", "none", "important");
    frame.setAttribute("aria-hidden", "true");
    frame.tabIndex = -1;
    const { answer, stop } = answerFrom(frame, new URL(url).origin, read);
    let timer;
    const timeout = new Promise((_, reject) => {
      timer = setTimeout(() => reject(late()), seconds * 1e3);
    });
    (document.body ?? document.documentElement).append(frame);
    try {
      return await Promise.race([answer, timeout]);
    } finally {
      clearTimeout(timer);
      stop();
      frame.remove();
    }
  }

  // handle.ts
  var PATIENCE = 1e3;
  function readWithHandle(data, nonce, reply) {
    const tokens = readTokens(data, nonce);
    if (!tokens) return void 0;
    const { renewal_offered, ...rest } = tokens;
    return renewal_offered === true ? withHandle(rest, reply) : Promise.resolve(rest);
  }
  function withHandle(tokens, reply) {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve2) => {
      port1.onmessage = ({ data }) => resolve2({ ...tokens, renewal_handle: data });
      setTimeout(() => resolve2(tokens), PATIENCE);
      reply({ type: "renewal" }, [port2]);
    });
  }

  // button.ts
  var ELEMENTS = /^(button|span|div|i|b|em|strong|small|svg|g|path|line|circle|rect|polyline|polygon)$/;
  var ATTRIBUTES = /^(class|id|title|type|role|aria-.+|data-.+|width|height|viewbox|d|fill|fill-.+|stroke|stroke-.+|points|transform|[cr][xy]?|[xy][12]?)$/;
  function closeButton(html, style, close) {
    const content = html ? safeCopy(html) : document.createDocumentFragment();
    const own2 = content.querySelector("button");
    const button = own2 ?? document.createElement("button");
    button.type = "button";
    if (!own2) {
      if (content.hasChildNodes()) button.append(content);
      else {
        button.className = "usher-x";
        button.textContent = "\xD7";
      }
    }
    if (!/\p{L}/u.test(button.textContent ?? "") && !button.title && !button.hasAttribute("aria-label")) {
      button.setAttribute("aria-label", "Close");
    }
    if (style) button.style.cssText += ";" + style;
    button.addEventListener("click", close);
    return own2 ? content : button;
  }
  var STYLE = "data-usher-style";
  function safeCopy(html) {
    const copy = document.createDocumentFragment();
    try {
      const renamed = html.replace(/\sstyle(?=\s*=)/gi, " " + STYLE);
      copyInto(copy, new DOMParser().parseFromString(renamed, "text/html").body);
    } catch (error) {
      console.warn("usher: closeButtonSettings.button cannot be used here", error);
    }
    return copy;
  }
  function copyInto(target, source) {
    for (const node of source.childNodes) {
      if (node instanceof Text) target.appendChild(document.createTextNode(node.data));
      if (!(node instanceof Element) || !ELEMENTS.test(node.localName)) continue;
      const made = document.createElementNS(node.namespaceURI, node.localName);
      for (const { name, value } of node.attributes) {
        if (name === STYLE) made.style.cssText = value;
        else if (ATTRIBUTES.test(name.toLowerCase())) made.setAttribute(name, value);
      }
      copyInto(made, node);
      target.appendChild(made);
    }
  }

  // look.ts
  var LOOK = `
.usher-dialog{position:fixed;inset:0;box-sizing:border-box;width:100%;height:100%;max-width:none;max-height:none;margin:0;padding:0;border:0;background:none;overflow:hidden;color-scheme:light dark}
.usher-dialog[open]{display:flex;align-items:center;justify-content:center}
.usher-dialog::backdrop{background:none}
:where(.usher-backdrop){position:fixed;inset:0;background:#10142066;backdrop-filter:blur(3px)}
.usher-panel{position:relative;z-index:2147483647;display:flex;color:#5b6472}
.usher-dialog .usher-panel{animation:usher-in .18s ease-out;border-radius:16px;background:#fff;box-shadow:0 24px 64px #10142059,0 2px 8px #1014201f}
.usher-panel:not(.usher-loaded)::before{content:"";position:absolute;inset:0;width:28px;height:28px;margin:auto;border:3px solid;border-right-color:#0000;border-radius:50%;opacity:.5;animation:usher-turn .9s linear infinite}
:where(.usher-frame){position:relative;display:block;border:0;border-radius:16px;width:420px;height:560px}
.usher-dialog .usher-frame{max-width:100vw;max-height:100vh;max-height:100dvh}
:where(.usher-embedded .usher-frame){width:100%}
:where(.usher-close){position:absolute;top:6px;right:6px;z-index:2147483647}
.usher-x{box-sizing:border-box;width:44px;height:44px;padding:0;border:0;border-radius:50%;background:#fff;color:#3c4450;font:26px/44px system-ui,sans-serif;text-align:center;cursor:pointer}
.usher-x:hover{background:#eef0f4}
.usher-note{box-sizing:border-box;width:340px;max-width:100vw;padding:44px 28px 28px;color:#1b1f27;font:16px/1.5 system-ui,sans-serif;text-align:center}
.usher-note p{margin:0 0 20px}
.usher-note button{width:100%;min-height:46px;border:0;border-radius:8px;background:#2250c4;color:#fff;font:600 16px system-ui,sans-serif;cursor:pointer}
.usher-note button:focus-visible{outline:3px solid #3b6fe0;outline-offset:2px}
.usher-x:focus-visible{outline:3px solid #3b6fe0;outline-offset:-3px}
@keyframes usher-in{from{opacity:0;transform:translateY(10px)}}
@keyframes usher-turn{to{transform:rotate(1turn)}}
@media(prefers-color-scheme:dark){
:where(.usher-backdrop){background:#000000a6}
.usher-panel{color:#aab2c0}
.usher-dialog .usher-panel{background:#1b1f27;box-shadow:0 24px 64px #000c,0 0 0 1px #ffffff1a}
.usher-x{background:#1b1f27;color:#dfe3ea}
.usher-x:hover{background:#2c323d}
.usher-x:focus-visible,.usher-note button:focus-visible{outline-color:#8fb2ff}
.usher-note{color:#eceef2}
.usher-note button{background:#8fb0ff;color:#0e1526}
}
@media(max-width:480px){
.usher-dialog .usher-panel,.usher-dialog .usher-frame{border-radius:0!important}
.usher-dialog .usher-frame{width:100vw!important;height:100vh!important;height:100dvh!important}
}
@media(prefers-reduced-motion:reduce){.usher-panel,.usher-panel:not(.usher-loaded)::before{animation:none!important}}`;
  var adopted = false;
  function adoptLook() {
    if (adopted) return;
    adopted = true;
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(LOOK);
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    } catch {
    }
  }

  // dialog.ts
  function showDialog(content, settings) {
    adoptLook();
    if (content instanceof HTMLIFrameElement) dressFrame(content, settings.iframeSettings ?? {});
    const id = settings.iframeSettings?.targetElementId;
    const target = id ? document.getElementById(id) : null;
    if (id && !target) console.warn(`usher: there is no element with the id '${id}' for the sign-in; a dialog is shown`);
    return target ? embed(content, target, settings) : modal(content, settings);
  }
  function dressFrame(frame, { width, height, style }) {
    frame.className = "usher-frame";
    if (width) frame.style.width = length(width);
    if (height) frame.style.height = length(height);
    if (style) frame.style.cssText += ";" + style;
  }
  function length(value) {
    return /^[\d.]+$/.test(value) ? value + "px" : value;
  }
  function element(name, className = "", style = "") {
    const made = document.createElement(name);
    made.className = className;
    made.style.cssText = style;
    return made;
  }
  function panelOf(content, settings, withButton, close) {
    const panel = element("div", "usher-panel");
    const { wrapperClass = "", wrapperStyle, style, button } = settings.closeButtonSettings ?? {};
    if (withButton) {
      const wrapper = element("div", `usher-close ${wrapperClass}`, wrapperStyle);
      wrapper.append(closeButton(button, style, close));
      panel.append(wrapper);
    }
    panel.append(content);
    const loaded = () => panel.classList.add("usher-loaded");
    if (content instanceof HTMLIFrameElement) content.addEventListener("load", loaded, { once: true });
    else loaded();
    return panel;
  }
  function modal(content, settings) {
    const dialog = element("dialog", "usher-dialog");
    dialog.setAttribute("aria-label", "Sign in");
    const close = () => dialog.close();
    const dismissed = new Promise((resolve2) => dialog.addEventListener("close", () => resolve2(), { once: true }));
    const { visible = true, backdropClass = "", style } = settings.backdropSettings ?? {};
    if (visible) {
      const backdrop = element("div", `usher-backdrop ${backdropClass}`, style);
      if (visible !== "static") backdrop.addEventListener("click", close);
      dialog.append(backdrop);
    }
    const panel = panelOf(content, settings, settings.closeButtonSettings?.visible !== false, close);
    const last = content.querySelector("button") ?? content;
    const first = panel.querySelector("button") ?? last;
    dialog.append(turnBack(() => last), panel, turnBack(() => first));
    content.addEventListener("load", () => content.focus(), { once: true });
    (document.body ?? document.documentElement).append(dialog);
    dialog.showModal();
    (content instanceof HTMLIFrameElement ? first : last).focus();
    return {
      dismissed,
      close: () => {
        close();
        dialog.remove();
      }
    };
  }
  function turnBack(other) {
    const stop = element("div");
    stop.tabIndex = 0;
    stop.addEventListener("focus", () => other().focus());
    return stop;
  }
  function embed(content, target, settings) {
    let dismiss = () => void 0;
    const dismissed = new Promise((resolve2) => dismiss = resolve2);
    const panel = panelOf(content, settings, settings.closeButtonSettings?.visible === true, () => dismiss());
    panel.classList.add("usher-embedded");
    target.append(panel);
    return { dismissed, close: () => panel.remove() };
  }

  // lock.ts
  var PATIENCE2 = 5e3;
  var tails = /* @__PURE__ */ new Map();
  function inTurn(name, work) {
    const before = tails.get(name) ?? Promise.resolve();
    const turn = before.then(work);
    tails.set(
      name,
      turn.then(
        () => void 0,
        () => void 0
      )
    );
    return turn;
  }
  async function acrossTabs(name, work) {
    const locks = navigator.locks;
    if (!locks) return work();
    const waiting = new AbortController();
    const timer = setTimeout(() => waiting.abort(), PATIENCE2);
    let begun;
    const begin = () => {
      clearTimeout(timer);
      return begun = work();
    };
    try {
      return await locks.request(name, { signal: waiting.signal }, begin);
    } catch {
      return begun ?? begin();
    }
  }
  var SharedWork = class {
    constructor() {
      __publicField(this, "underWay", /* @__PURE__ */ new Map());
    }
    share(key, work) {
      const found = this.underWay.get(key);
      if (found) return found;
      const begun = work().finally(() => this.underWay.delete(key));
      this.underWay.set(key, begun);
      return begun;
    }
  };

  // request.ts
  var HIDDEN_TIMEOUT = 10;
  function hiddenRequest(server, clientId, query) {
    const name = `usher ${server.hostUrl} ${clientId}`;
    const late = () => silence(server.hostUrl, clientId, HIDDEN_TIMEOUT);
    const ask = () => {
      const nonce = makeNonce();
      log("hidden request", query.get("scope") ?? "(default scope)");
      return askHidden(address(server, query, nonce), (data, reply) => readWithHandle(data, nonce, reply), HIDDEN_TIMEOUT, late);
    };
    return inTurn(name, () => acrossTabs(name, ask));
  }
  function visibleRequest(server, settings, query, instead) {
    return inTurn("dialog", async () => {
      const nonce = makeNonce();
      log("visible sign-in", query.get("scope") ?? "(default scope)");
      const way = new URLSearchParams({ ...Object.fromEntries(query), return_to: ownPage() });
      const frame = makeFrame(address(server, way, nonce), "Sign in");
      const lost = new LostWindow(server.hostUrl);
      const { answer, stop } = answerFrom(frame, new URL(server.hostUrl).origin, (data, reply) => {
        if (isObject(data) && data["type"] === "window_lost") lost.listen(reply);
        return readWithHandle(data, nonce, reply);
      });
      const dialog = showDialog(frame, settings);
      const closed = dialog.dismissed.then(() => {
        throw failure("access_denied", "The sign-in was closed before it was complete.");
      });
      try {
        const tokens = await Promise.race([answer, closed, ...instead ? [instead] : []]);
        lost.found();
        return tokens;
      } finally {
        lost.close();
        stop();
        dialog.close();
      }
    });
  }
  function address(server, query, nonce) {
    return `${server.token_endpoint}?${query.toString()}&nonce=${nonce}`;
  }

  // ticket.ts
  async function makeVerifier() {
    const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
    const hash = await sha256(verifier);
    return hash && { verifier, challenge: base64url(hash) };
  }
  function redeem(server, query, ticket, verifier) {
    const nonce = makeNonce();
    const read = (data, reply) => {
      if (isObject(data) && data["type"] === "ticket_ready") reply({ type: "ticket", ticket, verifier });
      return readWithHandle(data, nonce, reply);
    };
    const late = () => silence(server.hostUrl, query.get("client_id") ?? "", HIDDEN_TIMEOUT);
    return askHidden(`${server.token_endpoint}/ticket?${query.toString()}&nonce=${nonce}`, read, HIDDEN_TIMEOUT, late);
  }

  // fedcm.ts
  var SILENT = 6e3;
  var HEAD_START = 3e3;
  function browserCanAsk() {
    return "IdentityCredential" in window;
  }
  async function askBrowser(server, query, mediation, signal) {
    const made = await makeVerifier();
    if (!made) return void 0;
    const { client_id: clientId = "", ...asked2 } = Object.fromEntries(query);
    const loginHint = query.get("login_hint");
    const provider = {
      configURL: `${server.hostUrl}/oauth/v2/oauth-fedcm/config`,
      clientId,
      // No nonce: the challenge binds the answer to this very request.
      params: { ...asked2, ticket_challenge: made.challenge },
      ...loginHint && { loginHint }
    };
    log(mediation === "silent" ? "asking the browser for the user, silently (FedCM)" : "the browser asks the user (FedCM)");
    try {
      const found = await navigator.credentials.get({ identity: { providers: [provider], context: "signin" }, mediation, signal });
      const { token } = found ?? {};
      if (typeof token !== "string") throw new Error("no ticket");
      const answer = await redeem(server, query, token, made.verifier);
      log("the browser brought the user");
      return answer;
    } catch (error) {
      const { name, error: code, message } = error;
      log("the browser brought nobody:", signal.aborted ? "not in time" : code ?? name, message);
      return void 0;
    }
  }
  async function askSilently(server, query) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), SILENT);
    try {
      return await askBrowser(server, query, "silent", stop.signal);
    } finally {
      clearTimeout(timer);
    }
  }
  async function promptFirst(server, query, signIn) {
    const stop = new AbortController();
    const prompt = askBrowser(server, query, "optional", stop.signal);
    try {
      const brought = await Promise.race([prompt, new Promise((resolve2) => setTimeout(resolve2, HEAD_START))]);
      if (brought) return brought;
      log("going on with the visible sign-in");
      return await signIn(new Promise((resolve2) => void prompt.then((late) => late && resolve2(late))));
    } finally {
      stop.abort();
    }
  }
  function askNextTime() {
    navigator.credentials.preventSilentAccess().catch(() => void 0);
  }

  // post.ts
  async function post(url, form, seconds, headers = {}) {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), seconds * 1e3);
    try {
      return await fetch(url, {
        method: "POST",
        body: form,
        headers,
        credentials: "omit",
        redirect: "error",
        keepalive: true,
        // the app may leave the page right after
        signal: stop.signal
      });
    } finally {
      clearTimeout(timer);
    }
  }

  // logout.ts
  async function revoke(server, clientId, token) {
    log("revoking the token");
    const form = new URLSearchParams({ token, token_type_hint: "access_token", client_id: clientId });
    try {
      const response = await post(server.revoke_endpoint, form, HIDDEN_TIMEOUT);
      if (!response.ok) throw errorFrom(await response.json().catch(() => void 0));
    } catch (error) {
      throw isObject(error) && "error_code" in error ? error : unreachable(server);
    }
  }
  function unreachable(server) {
    const { origin } = new URL(server.hostUrl);
    return failure(
      "temporarily_unavailable",
      `The token could not be revoked: ${server.revoke_endpoint} cannot be reached from ${location.origin}. Is that origin allowed for the client, is the server's certificate trusted, and does this page's Content-Security-Policy have connect-src ${origin}?`
    );
  }
  async function endSession(server, clientId, forOrigin, token) {
    log("ending the session");
    const query = new URLSearchParams({ client_id: clientId, for_origin: forOrigin });
    const read = (data, reply) => {
      if (isObject(data) && data["type"] === "logout_ready") reply({ type: "logout", access_token: token });
      return isSuccess(data) && data["type"] === "logout" ? true : void 0;
    };
    const late = () => silence(server.hostUrl, clientId, HIDDEN_TIMEOUT);
    await askHidden(`${server.logout_endpoint}?${query.toString()}`, read, HIDDEN_TIMEOUT, late);
  }

  // popup.ts
  var FEATURES = "popup,width=480,height=720";
  var LOOK2 = 400;
  var Popup = class {
    constructor(server, settings) {
      __publicField(this, "verifier");
      __publicField(this, "server");
      __publicField(this, "settings");
      this.server = server;
      this.settings = settings;
      void this.renew();
    }
    /** Until `instead`, if any, is there first. */
    ask(query, instead) {
      return inTurn("dialog", async () => {
        const { verifier } = this;
        if (!verifier) throw failure("temporarily_unavailable", "A sign-in window needs crypto.subtle: serve the app over https.");
        void this.renew();
        log("sign-in in a window");
        return this.run(query, verifier, instead);
      });
    }
    /** It has to be there before the click: what is opened later than a moment after, the browser blocks. */
    async renew() {
      this.verifier = await makeVerifier();
    }
    async run(query, { verifier, challenge }, instead) {
      const { server } = this;
      const way = new URLSearchParams({ ...Object.fromEntries(query), ticket_challenge: challenge, return_to: ownPage() });
      let opened2 = null;
      let spoken = false;
      const open = () => {
        const name = `usher-${makeNonce()}`;
        opened2 = window.open("", name, FEATURES);
        const link = document.createElement("a");
        Object.assign(link, { href: `${server.token_endpoint}?${way.toString()}`, target: name, rel: "opener", referrerPolicy: "origin" });
        if (opened2) link.click();
        return opened2 !== null;
      };
      const note = noteOn(this.settings, open);
      let hear = () => void 0;
      let channel;
      let timer;
      try {
        return await new Promise((resolve2, reject) => {
          const take = (ticket) => redeem(server, query, String(ticket), verifier).then(resolve2);
          hear = (event) => {
            if (!event.isTrusted || opened2 === null || event.source !== opened2 || event.origin !== new URL(server.hostUrl).origin) return;
            const { data } = event;
            if (!isObject(data)) return;
            spoken = true;
            if (data["status"] === "ticket") take(data["ticket"]).catch(reject);
            else if (data["status"] === "error") reject(errorFrom(data));
          };
          window.addEventListener("message", hear);
          void instead?.then(resolve2);
          channel = new Channel(windowChannel(server.hostUrl), (news) => {
            if (news.type !== "ticket") return;
            channel?.tell({ type: "heard", ticket: news.ticket });
            take(news.ticket).then(
              () => channel?.tell({ type: "taken", ticket: news.ticket }),
              (error) => {
                log("a ticket on the channel was not for this page:", error.error);
                channel?.tell({ type: "refused", ticket: news.ticket });
              }
            );
          });
          const closed = () => reject(failure("access_denied", "The sign-in was closed before it was complete."));
          timer = setInterval(() => opened2?.closed && spoken && closed(), LOOK2);
          void note.dismissed.then(closed);
        });
      } finally {
        clearInterval(timer);
        window.removeEventListener("message", hear);
        channel?.close();
        opened2?.close();
        note.close();
      }
    }
  };
  function noteOn(settings, open) {
    const text = document.createElement("p");
    const button = document.createElement("button");
    button.type = "button";
    const show = (opened2) => {
      text.textContent = opened2 ? "Go on in the window that has opened." : "Sign in to continue. This opens a window.";
      button.textContent = opened2 ? "Open it again" : "Sign in";
    };
    button.addEventListener("click", () => show(open()));
    show(open());
    const note = document.createElement("div");
    note.className = "usher-note";
    note.append(text, button);
    return showDialog(note, { ...settings, iframeSettings: {} });
  }

  // renewal.ts
  var CURVE = { name: "ECDSA", namedCurve: "P-256" };
  var NONCE_LIFE = 5e4;
  async function makeKey() {
    const web = subtle();
    if (!web) return void 0;
    const { privateKey, publicKey } = await web.generateKey(CURVE, false, ["sign"]);
    const { crv, kty, x, y } = await web.exportKey("jwk", publicKey);
    const jwk = { crv, kty, x, y };
    return {
      jwk,
      jkt: base64url(await web.digest("SHA-256", utf8(JSON.stringify(jwk)))),
      sign: async (text) => base64url(await web.sign({ ...CURVE, hash: "SHA-256" }, privateKey, utf8(text)))
    };
  }
  async function makeProof(key, htu, nonce, now = Date.now()) {
    const part = (content) => base64url(utf8(JSON.stringify(content)));
    const head = part({ typ: "dpop+jwt", alg: "ES256", jwk: key.jwk });
    const body = part({ jti: makeNonce(), htm: "POST", htu, iat: Math.floor(now / 1e3), ...nonce && { nonce } });
    return `${head}.${body}.${await key.sign(`${head}.${body}`)}`;
  }
  var Renewal = class {
    constructor(server) {
      __publicField(this, "key", makeKey().catch(() => void 0));
      __publicField(this, "url");
      __publicField(this, "handle", "");
      __publicField(this, "nonce", "");
      __publicField(this, "nonceSince", 0);
      this.url = `${server.token_endpoint}/renewal`;
    }
    get held() {
      return this.handle !== "";
    }
    /** The request with the key's name in it, so that a handle comes with the answer. */
    async named(query) {
      const key = await this.key;
      return new URLSearchParams({ ...Object.fromEntries(query), ...key && { dpop_jkt: key.jkt } });
    }
    /** Takes what is the library's alone out of an answer; what is left is the app's. */
    take(answer) {
      const { renewal_handle, session_kept, ...rest } = answer;
      this.handle = typeof renewal_handle === "string" ? renewal_handle : "";
      return { message: rest, kept: session_kept };
    }
    forget() {
      this.handle = "";
    }
    /** Asks by the handle what a hidden frame asks by a cookie. */
    async ask(query) {
      const nonce = makeNonce();
      const form = new URLSearchParams({ ...Object.fromEntries(query), nonce, renewal_handle: this.handle });
      if (Date.now() - this.nonceSince > NONCE_LIFE) await this.send(form, {});
      let answer = await this.proved(form);
      if (isObject(answer) && answer["error"] === "use_dpop_nonce") answer = await this.proved(form);
      const tokens = readTokens(answer, nonce);
      if (!tokens) throw errorFrom(answer);
      return tokens;
    }
    async proved(form) {
      const key = await this.key;
      return key && this.send(form, { DPoP: await makeProof(key, this.url, this.nonce) });
    }
    async send(form, headers) {
      const response = await post(this.url, form, HIDDEN_TIMEOUT, headers);
      const nonce = response.headers.get("DPoP-Nonce");
      if (nonce) [this.nonce, this.nonceSince] = [nonce, Date.now()];
      return response.json();
    }
  };

  // tokens.ts
  var Tokens = class {
    constructor() {
      __publicField(this, "held");
    }
    keep(message, ask, now = Date.now()) {
      const { access_token: token, ...data } = message;
      const end = now / 1e3 + data.expires_in;
      this.held = {
        token,
        expires: Math.floor(end),
        stale: end - Math.min(5, data.expires_in / 10),
        // RFC 6749 section 5.1: an answer without a scope has the one that was asked for.
        scope: words(typeof data["scope"] === "string" ? data["scope"] : ask.scope),
        data
      };
      log("token received; scope", data["scope"], "expires", this.held.expires);
      return { ...data, token, expires: this.held.expires };
    }
    /** Forgets the token, and gives it for the last time. */
    forget() {
      const token = this.token();
      this.held = void 0;
      return token;
    }
    token() {
      return this.held?.token ?? "";
    }
    data() {
      return { ...this.held?.data };
    }
    isExpired(now = Date.now()) {
      return !this.held || now / 1e3 >= this.held.stale;
    }
    /** The held token, if it is as good as a new one would be for what is asked. */
    goodFor(ask, now = Date.now()) {
      const held = this.held;
      if (!held || this.isExpired(now) || !allowsHeldToken(ask)) return void 0;
      if (!words(ask.scope).every((word) => held.scope.includes(word))) return void 0;
      return { ...held.data, token: held.token, expires: held.expires };
    }
  };

  // visit.ts
  var PENDING = "usher.visit";
  var PARAMETER = "usher_ticket";
  var PREFLIGHT = "usher.preflight";
  var VISITED = "usher.visited";
  var PAUSE = 15e3;
  var RELOADS = 3;
  var ANSWER = /[#?&](id_token|access_token|code|error)=/;
  var PLACE = "usher.place";
  var LOADING = 1e4;
  var LEAVING = 1e4;
  var arrival;
  var returned = false;
  var stray = false;
  var remembering = false;
  var going = false;
  var touched = false;
  function arrive(hostUrl) {
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => touched = true, { capture: true, once: true });
    const pending = takePending();
    const ticket = new RegExp(`^#${PARAMETER}=([\\w-]*)$`).exec(location.hash)?.[1];
    if (ticket !== void 0) history.replaceState(pending?.state ?? history.state, "", location.href.split("#")[0] + (pending?.hash ?? ""));
    returned = ticket !== void 0;
    if (pending && (ticket || !returned && reloaded())) new Marker(pending.hostUrl, pending.clientId).set(pending.marker);
    if (pending?.hostUrl === hostUrl && ticket !== void 0) {
      arrival = { clientId: pending.clientId, ticket, verifier: pending.verifier };
      scrollTo(pending);
      return "";
    }
    stray = Boolean(ticket);
    return ticket ?? "";
  }
  function takeArrival(clientId) {
    if (arrival?.clientId !== clientId) return void 0;
    const taken = arrival;
    arrival = void 0;
    return taken;
  }
  function takePending() {
    try {
      const text = sessionStorage.getItem(PENDING);
      sessionStorage.removeItem(PENDING);
      const pending = JSON.parse(text ?? "null");
      return isObject(pending) ? pending : void 0;
    } catch {
      return void 0;
    }
  }
  function scrollTo({ x, y }) {
    if (!x && !y) return;
    const until = performance.now() + LOADING;
    const step = () => {
      if (touched || performance.now() > until) return;
      window.scrollTo(x, y);
      if (Math.abs(scrollY - y) > 1 || Math.abs(scrollX - x) > 1) requestAnimationFrame(step);
    };
    if (document.readyState === "complete") step();
    else addEventListener("load", step, { once: true });
  }
  function rememberPlace() {
    if (remembering) return;
    remembering = true;
    addEventListener("pagehide", () => {
      if (going) return;
      try {
        sessionStorage.setItem(PLACE, JSON.stringify([location.href, scrollX, scrollY]));
      } catch {
      }
    });
  }
  function place() {
    try {
      const [href, x, y] = JSON.parse(sessionStorage.getItem(PLACE) ?? "[]");
      sessionStorage.removeItem(PLACE);
      if (href === location.href && !scrollX && !scrollY) return { x: Number(x), y: Number(y) };
    } catch {
    }
    return { x: scrollX, y: scrollY };
  }
  var Marker = class {
    constructor(hostUrl, clientId) {
      __publicField(this, "key");
      this.key = `usher ${hostUrl} ${clientId}`;
    }
    /** "frame": a hidden request finds the session. "server": only a visit of the whole page does. Empty: there was no user. */
    get() {
      try {
        return localStorage.getItem(this.key) ?? "";
      } catch {
        return "";
      }
    }
    set(where) {
      try {
        if (where) localStorage.setItem(this.key, where);
        else localStorage.removeItem(this.key);
      } catch {
      }
    }
  };
  function mayVisit(marker) {
    const fresh = !returned && !stray && !touched && performance.now() < LOADING && !ANSWER.test(location.search + location.hash);
    return fresh && window.top === window && rested() && (marker.get() !== "" || preflown());
  }
  function rested() {
    try {
      const recent = visits();
      return reloaded() ? recent.length < RELOADS : recent.every((time) => Date.now() - time > PAUSE);
    } catch {
      return false;
    }
  }
  function reloaded() {
    const [entry] = performance.getEntriesByType("navigation");
    return entry?.type === "reload";
  }
  function visits() {
    const times = JSON.parse(sessionStorage.getItem(VISITED) ?? "[]");
    return Array.isArray(times) ? times.filter((time) => Math.abs(Date.now() - Number(time)) < 6e4) : [];
  }
  function preflown() {
    try {
      return sessionStorage.getItem(PREFLIGHT) === "1";
    } catch {
      return false;
    }
  }
  function visitFirst(marker) {
    return mayVisit(marker) && (marker.get() === "server" || preflown());
  }
  async function visit(server, query, marker) {
    const made = await makeVerifier();
    if (!made || returned) return;
    returned = true;
    const { href, hash } = location;
    const pending = { hostUrl: server.hostUrl, clientId: query.get("client_id") ?? "", verifier: made.verifier, marker: marker.get(), hash, state: history.state, ...place() };
    try {
      if (preflown()) sessionStorage.setItem(PREFLIGHT, "2");
      sessionStorage.setItem(VISITED, JSON.stringify([...visits(), Date.now()]));
      sessionStorage.setItem(PENDING, JSON.stringify(pending));
      if (sessionStorage.getItem(PENDING) === null) return;
    } catch {
      return;
    }
    log("taking the page through the server and back: only there the session is known");
    const policy = document.createElement("meta");
    policy.name = "referrer";
    policy.content = "origin";
    document.head.append(policy);
    const way = new URLSearchParams({ ...Object.fromEntries(query), return_to: href.slice(0, href.length - hash.length), ticket_challenge: made.challenge });
    marker.set("");
    going = true;
    location.replace(`${server.hostUrl}/authn/anonymous/preflight?${way.toString()}`);
    await new Promise((resolve2) => setTimeout(resolve2, LEAVING));
    going = false;
  }

  // watch.ts
  var Watch = class {
    constructor(settings, check) {
      __publicField(this, "last", Date.now());
      __publicField(this, "check");
      this.check = check;
      const seconds = settings.sessionPollSeconds ?? (settings.onSessionChange ? 60 : 0);
      if (!(seconds > 0)) return;
      const interval = seconds * 1e3;
      setInterval(() => this.look(interval), interval);
      document.addEventListener("visibilitychange", () => this.look(interval));
    }
    look(interval) {
      if (document.visibilityState !== "visible" || Date.now() - this.last < interval * 0.9) return;
      this.last = Date.now();
      void this.check();
    }
  };

  // client.ts
  var Client = class {
    constructor(server, settings) {
      __publicField(this, "tokens", new Tokens());
      __publicField(this, "requests", new SharedWork());
      __publicField(this, "renewal");
      __publicField(this, "popup");
      __publicField(this, "marker");
      __publicField(this, "channel");
      /** Learned in this visit: no cookie reaches a frame, so the handle is asked first. */
      __publicField(this, "noCookies", false);
      /** A token was here, or the user was asked: the page is at work, and is not taken away any more. */
      __publicField(this, "worked", false);
      __publicField(this, "endings", new SharedWork());
      /** Counts sign-outs: what was asked for before one is not kept after it. */
      __publicField(this, "era", 0);
      /** A token that came too late for a sign-out that had begun: it ends with that. */
      __publicField(this, "late", "");
      /** Visible sign-ins under way: what they bring decides, whatever a check finds meanwhile. */
      __publicField(this, "asking", 0);
      /** Whether the renewal handle failed for a reason that says nothing of the session. */
      __publicField(this, "unsure", false);
      /** Settles when every sign-out begun so far is over. */
      __publicField(this, "leaving", Promise.resolve());
      /** Settles when the page is at rest: what it came back with from the server is taken, or it does not go there. */
      __publicField(this, "ready");
      __publicField(this, "server");
      __publicField(this, "settings");
      __publicField(this, "forOrigin");
      this.server = server;
      this.renewal = new Renewal(server);
      this.popup = settings.presentation === "popup" ? new Popup(server, settings) : void 0;
      this.settings = settings;
      this.forOrigin = settings.for_origin || location.origin;
      this.marker = new Marker(server.hostUrl, settings.clientId);
      this.channel = new Channel(`usher ${server.hostUrl} ${settings.clientId}`, (news) => this.hear(news));
      this.ready = this.begin().catch((error) => log("the way through the server brought nothing:", error.error));
      new Watch(settings, () => this.check());
    }
    /** A token by a hidden request alone. */
    async fetch(ask) {
      if (demandsUser(ask)) {
        throw failure("interaction_required", "The request demands that the user acts; a hidden one cannot do that.", { reason: "needs_click" });
      }
      return this.obtain(true, ask);
    }
    /** A token by the visible sign-in. */
    login(ask) {
      return this.obtain(false, ask);
    }
    /** A token without the user where that is possible, else with the user. */
    async fetchOrLogin(ask) {
      if (demandsUser(ask)) return this.login(ask);
      const { era } = this;
      try {
        return await this.fetch(ask);
      } catch (error) {
        if (!needsUser(error) || words(ask.prompt).includes("none")) throw error;
        if (era !== this.era) throw signedOut();
        const { reason } = error;
        log("the user has to act:", reason ?? "the browser does not tell why");
        return this.obtain(false, ask, this.mayAskBrowser(reason));
      }
    }
    revokeTokens() {
      return this.leave("revoke", (token) => this.revoke(token));
    }
    /** Both requests are made, whatever becomes of the first. */
    logout() {
      this.forget();
      if (this.fedcm) askNextTime();
      return this.leave("logout", async (token) => {
        const failed = await this.revoke(token).catch((error) => ({ error }));
        await endSession(this.server, this.settings.clientId, this.forOrigin, token);
        this.channel.tell({ type: "signed_out" });
        if (failed) throw failed.error;
      });
    }
    /** What the page came back with, or its way to the server where only that can help. */
    async begin() {
      const { marker, server, era } = this;
      const query = queryOf(asked(void 0, this.settings.scope), true, this.settings.clientId, this.forOrigin);
      const arrival2 = takeArrival(this.settings.clientId);
      await passedOn;
      if (arrival2 && !arrival2.ticket) {
        log("the server knows nobody, or needs the user to act");
        return marker.set("");
      }
      if (arrival2) {
        const answer = await logged(redeem(server, await this.renewal.named(query), arrival2.ticket, arrival2.verifier));
        if (era === this.era) this.keep(answer, {});
        else this.late = answer.access_token;
      } else if (visitFirst(marker)) {
        await visit(server, query, marker);
      }
      if (marker.get() === "server") rememberPlace();
    }
    obtain(hidden, ask, byBrowser = false) {
      const { settings, era } = this;
      const query = queryOf(ask, hidden, settings.clientId, this.forOrigin);
      return this.requests.share(`${era} ${query.toString()}`, async () => {
        await this.leaving;
        const none = this.tokens.token() === "";
        await this.ready;
        if (era !== this.era) throw signedOut();
        const brought = hidden && none ? this.tokens.goodFor(ask) : void 0;
        if (brought) return brought;
        const answer = await logged(hidden ? this.silent(query) : this.visible(query, byBrowser));
        if (era === this.era) return this.keep(answer, ask, !hidden);
        this.revoke(answer.access_token).catch(() => void 0);
        throw signedOut();
      });
    }
    /** The visible sign-in: in the browser's own prompt first, if so; in a dialog of the page, or a window where the app chose that. */
    async visible(query, byBrowser) {
      this.worked = true;
      this.asking++;
      try {
        return await this.shown(query, byBrowser);
      } finally {
        this.asking--;
      }
    }
    async shown(query, byBrowser) {
      const named = await this.renewal.named(query);
      const signIn = (instead) => this.popup ? this.popup.ask(named, instead) : visibleRequest(this.server, this.settings, named, instead);
      return byBrowser ? promptFirst(this.server, named, signIn) : signIn();
    }
    /** Keeps what an answer brought, and tells the others of this origin, or the app, where the user is another one. */
    keep(answer, ask, tell = false) {
      const { message, kept } = this.renewal.take(answer);
      this.worked = true;
      const before = this.tokens.data().sub;
      const result = this.tokens.keep(message, ask);
      if (kept === "server" || kept === "frame") this.marker.set(kept);
      if (kept === "server") rememberPlace();
      if (kept) this.noCookies = kept !== "frame";
      const sub = result.sub ?? "";
      if (tell) this.channel.tell({ type: "signed_in", sub });
      else if (before !== void 0 && before !== sub) this.changed({ signedIn: true, sub });
      return result;
    }
    /** By a hidden frame and, where no cookie reaches it, by the renewal handle; in the other order once that is known. */
    async silent(query) {
      if (this.noCookies) {
        const renewed = await this.byHandle(query);
        if (renewed) return renewed;
      }
      try {
        const answer = await hiddenRequest(this.server, this.settings.clientId, await this.renewal.named(query));
        this.noCookies = false;
        return this.marker.get() ? { ...answer, session_kept: "frame" } : answer;
      } catch (error) {
        if (!needsUser(error)) throw error;
        const renewed = this.noCookies ? void 0 : await this.byHandle(query);
        if (renewed) return renewed;
        const { reason } = error;
        const brought = this.mayAskBrowser(reason) ? await askSilently(this.server, await this.renewal.named(query)) : void 0;
        if (brought) return brought;
        if (reason !== "not_signed_in" && !this.worked && mayVisit(this.marker)) await visit(this.server, query, this.marker);
        throw error;
      }
    }
    get fedcm() {
      return this.settings.fedcm === true && browserCanAsk();
    }
    /**
     * Whether the browser could know of a user whom the frame did not: its cookies were not to be seen there, and no token is at
     * hand. Where one is, the user is known here, and what is asked is more than that.
     */
    mayAskBrowser(reason) {
      return this.fedcm && reason !== "not_signed_in" && this.tokens.isExpired();
    }
    async byHandle(query) {
      if (!this.renewal.held) return void 0;
      log("renewing without a cookie: the session's does not reach a frame");
      try {
        return { ...await this.renewal.ask(query), session_kept: "tab" };
      } catch (error) {
        const { error: code } = error;
        this.unsure = !needsUser(error) && code !== "invalid_grant";
        log("that did not work:", code);
        return void 0;
      }
    }
    /** What another page of this origin says is only a reason to ask the server. */
    hear(news) {
      const { sub } = this.tokens.data();
      if (news.type === "signed_out" || news.type === "signed_in" && news.sub !== sub) void this.check();
    }
    /**
     * Asks whether the session behind the token is still there, and whose it is; a page without a token has nothing to ask. The
     * default scope is asked for, since one that demands a fresh sign-in says nothing of the session.
     */
    async check() {
      const held = this.tokens.token();
      if (!held || this.asking > 0) return;
      const outdated = () => this.asking > 0 || held !== this.tokens.token();
      this.unsure = false;
      try {
        const answer = await this.silent(queryOf(asked(void 0, this.settings.scope), true, this.settings.clientId, this.forOrigin));
        if (!outdated() && answer["sub"] !== this.tokens.data().sub) this.keep(answer, {});
      } catch (error) {
        if (!needsUser(error) || outdated() || this.unsure) return;
        log("the session has ended elsewhere");
        this.era++;
        this.tokens.forget();
        this.forget();
        this.changed({ signedIn: false });
      }
    }
    changed(change) {
      try {
        this.settings.onSessionChange?.(change);
      } catch (error) {
        console.error("usher: onSessionChange threw", error);
      }
    }
    forget() {
      this.renewal.forget();
      this.marker.set("");
      this.noCookies = false;
    }
    /** Forgets the token at once, then does what is to be done with it. */
    leave(kind, work) {
      return this.endings.share(kind, () => {
        this.era++;
        const token = this.tokens.forget();
        const done = logged(this.ready.then(() => work(token || this.late)).finally(() => this.late = ""));
        this.leaving = Promise.allSettled([this.leaving, done]);
        return done;
      });
    }
    async revoke(token) {
      if (token) await revoke(this.server, this.settings.clientId, token);
    }
  };
  function signedOut() {
    return failure("access_denied", "The user was signed out while the request was under way.");
  }

  // thenable.ts
  var _a;
  _a = Symbol.toStringTag;
  var _Thenable = class _Thenable {
    constructor(promise) {
      __publicField(this, _a, "Promise");
      __publicField(this, "promise");
      this.promise = promise;
    }
    then(fulfilled, rejected) {
      return new _Thenable(this.promise.then(fulfilled, rejected));
    }
    catch(rejected) {
      return this.then(null, rejected);
    }
    finally(settled) {
      return new _Thenable(this.promise.finally(settled));
    }
    done(...callbacks) {
      this.listen(callbacks, []);
      return this;
    }
    fail(...callbacks) {
      this.listen([], callbacks);
      return this;
    }
    always(...callbacks) {
      this.listen(callbacks, callbacks);
      return this;
    }
    listen(fulfilled, rejected) {
      void this.promise.then(
        (value) => callAll(fulfilled, value),
        (error) => callAll(rejected, error)
      );
    }
  };
  var Thenable = _Thenable;
  function callAll(callbacks, argument) {
    for (const call of callbacks.reduce((all, some) => all.concat(some), [])) {
      try {
        call(argument);
      } catch (error) {
        void Promise.reject(error);
      }
    }
  }

  // assistant.ts
  function createAssistant(server, given) {
    const settings = own(given);
    if (typeof settings.clientId !== "string" || !settings.clientId) {
      throw new Error("usher: the setting 'clientId' is missing; write curity.token.assistant({clientId: '...'})");
    }
    const client = new Client(server, settings);
    const { tokens } = client;
    const header = () => tokens.token() ? `Bearer ${tokens.token()}` : "";
    const sender = { header, allows: placesOf(settings) };
    const attach = namesPlaces(settings) ? prepare(sender) : () => void 0;
    const ask = (parameters) => asked(parameters, settings.scope);
    const give = (result) => new Thenable(result.finally(attach));
    const held = async (wanted) => tokens.goodFor(wanted) ?? client.fetchOrLogin(wanted);
    return {
      loginIfRequired: (parameters) => give(held(ask(parameters))),
      fetchTokens: (parameters) => give(client.fetch(ask(parameters))),
      fetchTokensOrLogin: (force) => give(force === true ? client.fetchOrLogin(ask()) : held(ask())),
      login: (parameters) => give(client.login(ask(parameters))),
      logout: () => new Thenable(client.logout()),
      revokeTokens: () => new Thenable(client.revokeTokens()),
      getAuthHeader: header,
      getAdditionalData: () => tokens.data(),
      isAuthenticated: () => tokens.token() !== "",
      isExpired: () => tokens.isExpired(),
      prepareJQuery: ($) => prepareJQuery($, sender)
    };
  }
  var ownRule = (url) => url.origin === location.origin;
  function namesPlaces(settings) {
    return settings.autoPrepareJqueryAjax === true || settings.autoPrepareJqueryAjaxForOrigins !== void 0;
  }
  function placesOf(settings) {
    const patterns = settings.autoPrepareJqueryAjaxForOrigins;
    if (!patterns) return ownRule;
    const named = patternRule(patterns, location.origin);
    return settings.autoPrepareJqueryAjax === true ? (url) => ownRule(url) || named(url) : named;
  }
  function prepare(sender) {
    prepareRequests(sender);
    const attach = () => {
      const $ = window.jQuery;
      if (typeof $?.ajaxPrefilter === "function") prepareJQuery($, sender);
    };
    attach();
    document.addEventListener("DOMContentLoaded", attach, { once: true });
    return attach;
  }

  // host.ts
  function findHost(path) {
    for (const script of [document.currentScript, ...document.querySelectorAll("script")]) {
      const host = script instanceof HTMLScriptElement && hostOf(script.src, path);
      if (host) return host;
    }
    throw new Error(`usher: the script has to be loaded from the server, at ${path}`);
  }
  function hostOf(src, path) {
    if (!/^https?:/.test(src)) return void 0;
    const url = new URL(src);
    const at = url.pathname.indexOf(path);
    return at < 0 ? void 0 : url.origin + url.pathname.slice(0, at);
  }

  // main.ts
  var ENDPOINT = "/oauth/v2/oauth-assisted-token";
  function constantsOf(hostUrl) {
    return {
      hostUrl,
      token_endpoint: hostUrl + ENDPOINT,
      authentication_endpoint: hostUrl + "/authn/authentication",
      revoke_endpoint: hostUrl + "/oauth/v2/oauth-revoke",
      logout_endpoint: hostUrl + "/oauth/v2/oauth-session/logout"
    };
  }
  function define() {
    const constants = constantsOf(findHost(ENDPOINT + "/resources/js/"));
    const page = window;
    if (page.curity?.token?.constants?.hostUrl === constants.hostUrl) return;
    const stray2 = arrive(constants.hostUrl);
    if (stray2) passOn(constants.hostUrl, stray2);
    const api = {
      debug: page.curity?.debug === true || page.usher?.debug === true,
      token: { assistant: (settings) => createAssistant(constants, settings), constants }
    };
    logFor(api);
    page.usher = api;
    page.curity = api;
  }
  define();
})();
