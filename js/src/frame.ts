/** What the server's pages may use inside the frame: passkeys, their own cookies, the browser's accounts. */
const ALLOW = "publickey-credentials-get; publickey-credentials-create; storage-access; identity-credentials-get";

export function makeFrame(url: string, title: string): HTMLIFrameElement {
  const frame = document.createElement("iframe");
  frame.allow = ALLOW; // before src: it holds for what is loaded after it is set
  frame.title = title;
  frame.referrerPolicy = "origin"; // the server lets a window come back only to who is known to have asked
  frame.src = url;
  return frame;
}

/** Reads a message: an answer, or the promise of one, ends the wait, undefined waits on, what it throws rejects. */
export type Reader<T> = (data: unknown, reply: (message: unknown, ports?: MessagePort[]) => void) => T | Promise<T> | undefined;

/**
 * The first answer that comes from this very frame while it shows a page of this very origin. Call
 * `stop` when it is no longer waited for.
 */
export function answerFrom<T>(frame: HTMLIFrameElement, origin: string, read: Reader<T>): { answer: Promise<T>; stop: () => void } {
  let hear: (event: MessageEvent<unknown>) => void = () => undefined;
  const answer = new Promise<T>((resolve, reject) => {
    hear = (event) => {
      const page = frame.contentWindow;
      if (!event.isTrusted || event.origin !== origin || page === null || event.source !== page) return;
      try {
        const found = read(event.data, (message, ports = []) => page.postMessage(message, origin, ports));
        if (found !== undefined) resolve(found);
      } catch (error) {
        reject(error);
      }
    };
  });
  window.addEventListener("message", hear);
  return { answer, stop: () => window.removeEventListener("message", hear) };
}

/** Loads a page of the server in a hidden frame and gives its answer, or `late()` as the rejection. */
export async function askHidden<T>(url: string, read: Reader<T>, seconds: number, late: () => unknown): Promise<T> {
  const frame = makeFrame(url, "Silent request");
  frame.style.setProperty("display", "none", "important");
  frame.setAttribute("aria-hidden", "true");
  frame.tabIndex = -1;
  const { answer, stop } = answerFrom(frame, new URL(url).origin, read);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), seconds * 1000);
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
