import { readTokens, type TokenMessage } from "./message.ts";

/** How long the page that said that it has a handle may take to give it, in milliseconds. */
const PATIENCE = 1000;

/**
 * Reads the tokens, and asks the page that sent them for the renewal handle: by a port of the library's own, since a message is
 * heard by every script of the app's page.
 */
export function readWithHandle(data: unknown, nonce: string, reply: (message: unknown, ports: MessagePort[]) => void): Promise<TokenMessage> | undefined {
  const tokens = readTokens(data, nonce);
  if (!tokens) return undefined;
  const { renewal_offered, ...rest } = tokens;
  return renewal_offered === true ? withHandle(rest as TokenMessage, reply) : Promise.resolve(rest as TokenMessage);
}

function withHandle(tokens: TokenMessage, reply: (message: unknown, ports: MessagePort[]) => void): Promise<TokenMessage> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }: MessageEvent<unknown>) => resolve({ ...tokens, renewal_handle: data });
    setTimeout(() => resolve(tokens), PATIENCE);
    reply({ type: "renewal" }, [port2]);
  });
}
