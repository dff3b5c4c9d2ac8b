import { isObject } from "./message.ts";

/** What the pages of this origin tell each other. Nothing of it is believed but as a reason to ask the server. */
export type News = { type: "signed_out" } | { type: "signed_in"; sub: string } | { type: "ticket" | "heard" | "taken" | "refused"; ticket: string };

/** The channel between the app's pages; deaf and dumb where the browser has none. */
export class Channel {
  private readonly channel: BroadcastChannel | undefined;

  constructor(name: string, hear: (news: News) => void) {
    if (typeof BroadcastChannel !== "function") return;
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (isObject(data) && typeof data["type"] === "string") hear(data as News);
    };
  }

  tell(news: News): void {
    this.channel?.postMessage(news);
  }

  /** A moment later, so that the last word is heard. */
  close(): void {
    setTimeout(() => this.channel?.close(), 1000);
  }
}

/** The channel on which a window passes on the ticket that it brought back to a page of the app. */
export function windowChannel(hostUrl: string): string {
  return `usher ${hostUrl}`;
}

/** Where a window that lost its opener ends: the page of the app that is open, which is sure to have the library. */
export function ownPage(): string {
  return location.origin + location.pathname;
}

/** Waits for the ticket of a window that the server's frame opened, and that an opener policy of this page cut off from it. */
export class LostWindow {
  private channel: Channel | undefined;
  private ticket = "";
  private readonly hostUrl: string;

  constructor(hostUrl: string) {
    this.hostUrl = hostUrl;
  }

  /** The frame asks for it; only there is the verifier. */
  listen(reply: (message: unknown) => void): void {
    this.channel ??= new Channel(windowChannel(this.hostUrl), (news) => {
      if (news.type !== "ticket") return;
      this.ticket = news.ticket;
      this.channel?.tell({ type: "heard", ticket: news.ticket });
      reply({ type: "ticket", ticket: news.ticket });
    });
  }

  found(): void {
    if (this.ticket) this.channel?.tell({ type: "taken", ticket: this.ticket });
  }

  close(): void {
    this.channel?.close();
  }
}

/** How long a page of the app may take to say that it waits for the ticket, and then to redeem it, in milliseconds. */
const HEARING = 500;
const TAKING = 15_000;

/** Settles when this page is one like any other: not, or no longer, a window that only passes its ticket on. */
export let passedOn: Promise<void> = Promise.resolve();

/** Passes on the ticket that this window came back with, and closes it once the page that asked for it has it. */
export function passOn(hostUrl: string, ticket: string): void {
  passedOn = new Promise((resolve) => {
    const giveUp = (): void => {
      channel.close();
      resolve();
    };
    let timer = setTimeout(giveUp, HEARING);
    const channel = new Channel(windowChannel(hostUrl), (news) => {
      if (!("ticket" in news) || news.ticket !== ticket) return;
      if (news.type === "taken") window.close();
      if (news.type !== "heard" && news.type !== "refused") return;
      clearTimeout(timer); // who refused it did not ask for it; another page may have
      timer = setTimeout(giveUp, news.type === "heard" ? TAKING : HEARING);
    });
    channel.tell({ type: "ticket", ticket });
  });
}
