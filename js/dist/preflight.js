"use strict";
(() => {
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
    const answer = new Promise((resolve, reject) => {
      hear = (event) => {
        const page = frame.contentWindow;
        if (!event.isTrusted || event.origin !== origin || page === null || event.source !== page) return;
        try {
          const found = read(event.data, (message, ports = []) => page.postMessage(message, origin, ports));
          if (found !== void 0) resolve(found);
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

  // host.ts
  function findHost(path) {
    for (const script2 of [document.currentScript, ...document.querySelectorAll("script")]) {
      const host = script2 instanceof HTMLScriptElement && hostOf(script2.src, path);
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

  // message.ts
  function isObject(data) {
    return typeof data === "object" && data !== null && !Array.isArray(data);
  }

  // preflight.ts
  var PATH = "/authn/anonymous/preflight";
  var MARKER = "usher.preflight";
  var SECONDS = 5;
  var script = document.currentScript;
  var hostUrl = findHost("/authn/anonymous/resources/js/");
  async function preflight() {
    const cookies = await check();
    if (cookies === false) visitOnce();
    return cookies;
  }
  async function check() {
    const url = `${hostUrl}${PATH}/check?for_origin=${encodeURIComponent(location.origin)}`;
    const read = (data) => {
      const cookies = isObject(data) && data["type"] === "preflight" ? data["cookies"] : void 0;
      return typeof cookies === "boolean" ? cookies : void 0;
    };
    try {
      return await askHidden(url, read, SECONDS, () => void 0);
    } catch {
      console.warn(
        `usher: the preflight got no answer from ${hostUrl} within ${SECONDS} seconds. Does an enabled client list ${location.origin}, is the server's certificate trusted, does this page's CSP allow it as frame-src?`
      );
      return void 0;
    }
  }
  function visitOnce() {
    if (window.top !== window || !mark()) return;
    const { href, hash } = location;
    const page = href.slice(0, href.length - hash.length);
    location.replace(`${hostUrl}${PATH}?return_to=${encodeURIComponent(page)}${hash}`);
  }
  function mark() {
    try {
      if (sessionStorage.getItem(MARKER) !== null) return false;
      sessionStorage.setItem(MARKER, "1");
      return sessionStorage.getItem(MARKER) === "1";
    } catch {
      return false;
    }
  }
  window.usherPreflight = preflight;
  if (script?.dataset["autoload"] === "true") void preflight();
})();
