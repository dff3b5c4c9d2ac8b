import type { Settings } from "../assisted-token.d.ts";
import { closeButton } from "./button.ts";
import { adoptLook } from "./look.ts";

export interface Dialog {
  /** Resolves when the user closes it. */
  dismissed: Promise<void>;
  close(): void;
}

/** Shows the frame, or a note, as the settings say: in a modal dialog, or in an element of the app's page. */
export function showDialog(content: HTMLElement, settings: Settings): Dialog {
  adoptLook();
  if (content instanceof HTMLIFrameElement) dressFrame(content, settings.iframeSettings ?? {});
  const id = settings.iframeSettings?.targetElementId;
  const target = id ? document.getElementById(id) : null;
  if (id && !target) console.warn(`usher: there is no element with the id '${id}' for the sign-in; a dialog is shown`);
  return target ? embed(content, target, settings) : modal(content, settings);
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

/** The content with its close button, and the place where a frame shows that it is still loading. */
function panelOf(content: HTMLElement, settings: Settings, withButton: boolean, close: () => void): HTMLElement {
  const panel = element("div", "usher-panel");
  const { wrapperClass = "", wrapperStyle, style, button } = settings.closeButtonSettings ?? {};
  if (withButton) {
    const wrapper = element("div", `usher-close ${wrapperClass}`, wrapperStyle);
    wrapper.append(closeButton(button, style, close));
    panel.append(wrapper);
  }
  panel.append(content);
  const loaded = (): void => panel.classList.add("usher-loaded");
  if (content instanceof HTMLIFrameElement) content.addEventListener("load", loaded, { once: true });
  else loaded();
  return panel;
}

/**
 * The native modal dialog is in the top layer, keeps focus from the rest of the page, closes on
 * Escape and gives focus back where it was.
 */
function modal(content: HTMLElement, settings: Settings): Dialog {
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
  const panel = panelOf(content, settings, settings.closeButtonSettings?.visible !== false, close);
  const last = content.querySelector("button") ?? content;
  const first = panel.querySelector("button") ?? last;
  dialog.append(turnBack(() => last), panel, turnBack(() => first));
  // Once it is loaded, what the user types goes into the frame.
  content.addEventListener("load", () => content.focus(), { once: true });
  (document.body ?? document.documentElement).append(dialog);
  dialog.showModal();
  (content instanceof HTMLIFrameElement ? first : last).focus();
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
function embed(content: HTMLElement, target: HTMLElement, settings: Settings): Dialog {
  let dismiss: () => void = () => undefined;
  const dismissed = new Promise<void>((resolve) => (dismiss = resolve));
  const panel = panelOf(content, settings, settings.closeButtonSettings?.visible === true, () => dismiss());
  panel.classList.add("usher-embedded");
  target.append(panel);
  return { dismissed, close: () => panel.remove() };
}
