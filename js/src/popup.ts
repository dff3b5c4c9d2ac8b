import type { Constants, Settings } from "../assisted-token.d.ts";
import { Channel, ownPage, windowChannel } from "./channel.ts";
import { showDialog } from "./dialog.ts";
import { failure } from "./errors.ts";
import { inTurn } from "./lock.ts";
import { log } from "./log.ts";
import { errorFrom, isObject, makeNonce, type TokenMessage } from "./message.ts";
import { makeVerifier, redeem, type Verifier } from "./ticket.ts";

const FEATURES = "popup,width=480,height=720";
/** How often to look whether the user closed the window, in milliseconds. */
const LOOK = 400;

/**
 * The sign-in in a window of its own. It ends with a ticket, which comes by message or, where an opener policy keeps the two
 * apart, through a page of this app that the window ends on. Whichever arrives, the window is closed after that.
 */
export class Popup {
  private verifier: Verifier | undefined;
  private readonly server: Constants;
  private readonly settings: Settings;

  constructor(server: Constants, settings: Settings) {
    this.server = server;
    this.settings = settings;
    void this.renew();
  }

  /** Until `instead`, if any, is there first. */
  ask(query: URLSearchParams, instead?: Promise<TokenMessage>): Promise<TokenMessage> {
    return inTurn("dialog", async () => {
      const { verifier } = this;
      if (!verifier) throw failure("temporarily_unavailable", "A sign-in window needs crypto.subtle: serve the app over https.");
      void this.renew(); // each window has one of its own
      log("sign-in in a window");
      return this.run(query, verifier, instead);
    });
  }

  /** It has to be there before the click: what is opened later than a moment after, the browser blocks. */
  private async renew(): Promise<void> {
    this.verifier = await makeVerifier();
  }

  private async run(query: URLSearchParams, { verifier, challenge }: Verifier, instead?: Promise<TokenMessage>): Promise<TokenMessage> {
    const { server } = this;
    const way = new URLSearchParams({ ...Object.fromEntries(query), ticket_challenge: challenge, return_to: ownPage() });
    let opened: Window | null = null;
    // Until the window has spoken it may be cut off by an opener policy, and then looks closed when it is not.
    let spoken = false;
    const open = (): boolean => {
      // By a link, which says this page's origin whatever its policy: only a page that is known to have asked is come back to.
      const name = `usher-${makeNonce()}`;
      opened = window.open("", name, FEATURES);
      const link = document.createElement("a");
      Object.assign(link, { href: `${server.token_endpoint}?${way.toString()}`, target: name, rel: "opener", referrerPolicy: "origin" });
      if (opened) link.click();
      return opened !== null;
    };
    const note = noteOn(this.settings, open);
    let hear: (event: MessageEvent<unknown>) => void = () => undefined;
    let channel: Channel | undefined;
    let timer: ReturnType<typeof setInterval> | undefined;
    try {
      return await new Promise<TokenMessage>((resolve, reject) => {
        const take = (ticket: unknown): Promise<void> => redeem(server, query, String(ticket), verifier).then(resolve);
        hear = (event) => {
          if (!event.isTrusted || opened === null || event.source !== opened || event.origin !== new URL(server.hostUrl).origin) return;
          const { data } = event;
          if (!isObject(data)) return;
          spoken = true;
          if (data["status"] === "ticket") take(data["ticket"]).catch(reject);
          else if (data["status"] === "error") reject(errorFrom(data));
        };
        window.addEventListener("message", hear);
        void instead?.then(resolve);
        channel = new Channel(windowChannel(server.hostUrl), (news) => {
          if (news.type !== "ticket") return;
          channel?.tell({ type: "heard", ticket: news.ticket });
          // Another tab's ticket is refused for want of its verifier, and stays good for that tab.
          take(news.ticket).then(
            () => channel?.tell({ type: "taken", ticket: news.ticket }),
            (error: unknown) => {
              log("a ticket on the channel was not for this page:", (error as { error?: unknown }).error);
              channel?.tell({ type: "refused", ticket: news.ticket });
            },
          );
        });
        const closed = (): void => reject(failure("access_denied", "The sign-in was closed before it was complete."));
        timer = setInterval(() => opened?.closed && spoken && closed(), LOOK);
        void note.dismissed.then(closed);
      });
    } finally {
      clearInterval(timer);
      window.removeEventListener("message", hear);
      channel?.close();
      (opened as Window | null)?.close();
      note.close();
    }
  }
}

/** The modal that stands for the window: it says where to look, opens it where the browser wants a click, and can be closed. */
function noteOn(settings: Settings, open: () => boolean): { dismissed: Promise<void>; close(): void } {
  const text = document.createElement("p");
  const button = document.createElement("button");
  button.type = "button";
  const show = (opened: boolean): void => {
    text.textContent = opened ? "Go on in the window that has opened." : "Sign in to continue. This opens a window.";
    button.textContent = opened ? "Open it again" : "Sign in";
  };
  button.addEventListener("click", () => show(open()));
  show(open());
  const note = document.createElement("div");
  note.className = "usher-note";
  note.append(text, button);
  return showDialog(note, { ...settings, iframeSettings: {} });
}
