import type { Settings } from "../assisted-token.d.ts";

/** Asks, while the page is seen, at the interval that the app wants, and when it is seen again after longer than that. */
export class Watch {
  private last = Date.now();
  private readonly check: () => Promise<void>;

  constructor(settings: Settings, check: () => Promise<void>) {
    this.check = check;
    const seconds = settings.sessionPollSeconds ?? (settings.onSessionChange ? 60 : 0);
    if (!(seconds > 0)) return;
    const interval = seconds * 1000;
    setInterval(() => this.look(interval), interval);
    document.addEventListener("visibilitychange", () => this.look(interval));
  }

  private look(interval: number): void {
    if (document.visibilityState !== "visible" || Date.now() - this.last < interval * 0.9) return;
    this.last = Date.now();
    void this.check();
  }
}
