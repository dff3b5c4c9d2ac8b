import { provideHttpClient, withInterceptors } from '@angular/common/http';
import { type ApplicationConfig, provideBrowserGlobalErrorListeners } from '@angular/core';
import { bearerInterceptor } from './bearer.interceptor';
import { CONFIG, type Config } from './config';

export function appConfig(config: Config): ApplicationConfig {
  return {
    providers: [
      provideBrowserGlobalErrorListeners(),
      provideHttpClient(withInterceptors([bearerInterceptor])),
      { provide: CONFIG, useValue: config },
    ],
  };
}
