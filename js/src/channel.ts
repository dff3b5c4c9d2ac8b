import { isObject } from "./message.ts";

/** What the pages of this origin tell each other. Nothing of it is believed but as a reason to ask the server. */
export type News = { type: "signed_out" } | { type: "signed_in"; sub: string } | { type: "ticket" | "heard" | "taken"; ticket: string };

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

  close(): void {
    this.channel?.close();
  }
}

/** The channel on which a window passes on the ticket that it brought back to a page of the app. */
export function windowChannel(hostUrl: string): string {
  return `usher ${hostUrl}`;
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
      if (news.type !== "heard") return;
      clearTimeout(timer);
      timer = setTimeout(giveUp, TAKING);
    });
    channel.tell({ type: "ticket", ticket });
  });
}
