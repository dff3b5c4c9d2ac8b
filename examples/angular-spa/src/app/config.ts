import { InjectionToken } from '@angular/core';

/** What differs between the places where the app runs: config.json, beside index.html. */
export interface Config {
  /** The identity server's issuer; everything else about it is found by discovery. */
  issuer: string;
  clientId: string;
  /** The address of the API. Its origin is the only one that ever gets the token. */
  api: string;
}

export const CONFIG = new InjectionToken<Config>('config.json');

/** Reads config.json, so that one build runs anywhere. */
export async function loadConfig(): Promise<Config> {
  const response = await fetch('config.json');
  if (!response.ok) throw new Error(`config.json: ${response.status}`);
  return (await response.json()) as Config;
}
