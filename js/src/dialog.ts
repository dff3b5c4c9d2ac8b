import type { Settings } from "../assisted-token.d.ts";
import { closeButton } from "./button.ts";
import { adoptLook } from "./look.ts";

export interface Dialog {
  /** Resolves when the user closes it. */
  dismissed: Promise<void>;
  close(): void;
}

/** Shows the frame as the settings say: in a modal dialog, or in an element of the app's page. */
export function showDialog(frame: HTMLIFrameElement, settings: Settings): Dialog {
  adoptLook();
  dressFrame(frame, settings.iframeSettings ?? {});
  const id = settings.iframeSettings?.targetElementId;
  const target = id ? document.getElementById(id) : null;
  if (id && !target) console.warn(`usher: there is no element with the id '${id}' for the sign-in; a dialog is shown`);
  return target ? embed(frame, target, settings) : modal(frame, settings);
}

function dressFrame(frame: HTMLIFrameElement, { width, height, style }: NonNullable<Settings["iframeSettings"]>): void {
  frame.className = "usher-frame";
  if (width) frame.style.width = length(width);
  if (height) frame.style.height = length(height);
  if (style) frame.style.cssText += ";" + style;
}

function length(value: string): string {
  return /^[\d.]+$/.test(value) ? value + "px" : value;
}

function element(name: string, className = "", style = ""): HTMLElement {
  const made = document.createElement(name);
  made.className = className;
  made.style.cssText = style;
  return made;
}

/** The frame with its close button, and the place where it shows that it is still loading. */
function panelOf(frame: HTMLIFrameElement, settings: Settings, withButton: boolean, close: () => void): HTMLElement {
  const panel = element("div", "usher-panel");
  const { wrapperClass = "", wrapperStyle, style, button } = settings.closeButtonSettings ?? {};
  if (withButton) {
    const wrapper = element("div", `usher-close ${wrapperClass}`, wrapperStyle);
    wrapper.append(closeButton(button, style, close));
    panel.append(wrapper);
  }
  panel.append(frame);
  frame.addEventListener("load", () => panel.classList.add("usher-loaded"), { once: true });
  return panel;
}

/**
 * The native modal dialog is in the top layer, keeps focus from the rest of the page, closes on
 * Escape and gives focus back where it was.
 */
function modal(frame: HTMLIFrameElement, settings: Settings): Dialog {
  const dialog = element("dialog", "usher-dialog") as HTMLDialogElement;
  dialog.setAttribute("aria-label", "Sign in");
  const close = (): void => dialog.close();
  const dismissed = new Promise<void>((resolve) => dialog.addEventListener("close", () => resolve(), { once: true }));
  const { visible = true, backdropClass = "", style } = settings.backdropSettings ?? {};
  if (visible) {
    const backdrop = element("div", `usher-backdrop ${backdropClass}`, style);
    if (visible !== "static") backdrop.addEventListener("click", close);
    dialog.append(backdrop);
  }
  const panel = panelOf(frame, settings, settings.closeButtonSettings?.visible !== false, close);
  dialog.append(turnBack(() => frame), panel, turnBack(() => panel.querySelector("button") ?? frame));
  // Once it is loaded, what the user types goes into the frame.
  frame.addEventListener("load", () => frame.focus(), { once: true });
  (document.body ?? document.documentElement).append(dialog);
  dialog.showModal();
  (panel.querySelector("button") ?? frame).focus();
  return {
    dismissed,
    close: () => {
      close();
      dialog.remove();
    },
  };
}

/**
 * An invisible stop before and after the dialog's content, from which focus goes on at its other end.
 * Without these, Tab would leave the dialog for the browser's own controls.
 */
function turnBack(other: () => HTMLElement): HTMLElement {
  const stop = element("div");
  stop.tabIndex = 0;
  stop.addEventListener("focus", () => other().focus());
  return stop;
}

/** In an element of the app the page around stays usable; a close button is there only if asked for. */
function embed(frame: HTMLIFrameElement, target: HTMLElement, settings: Settings): Dialog {
  let dismiss: () => void = () => undefined;
  const dismissed = new Promise<void>((resolve) => (dismiss = resolve));
  const panel = panelOf(frame, settings, settings.closeButtonSettings?.visible === true, () => dismiss());
  panel.classList.add("usher-embedded");
  target.append(panel);
  return { dismissed, close: () => panel.remove() };
}
