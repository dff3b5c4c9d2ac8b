import { HttpErrorResponse, type HttpEvent, type HttpInterceptorFn } from '@angular/common/http';
import { inject } from '@angular/core';
import { catchError, from, type Observable, switchMap, tap, throwError } from 'rxjs';
import { AssistantService } from './assistant.service';
import { CONFIG } from './config';

/**
 * Gives the API's origin the token, and no other. A token that has expired is renewed before it is sent; one that
 * the API refuses (RFC 6750 §3.1) is renewed once, and the request repeated.
 */
export const bearerInterceptor: HttpInterceptorFn = (request, next) => {
  const api = new URL(inject(CONFIG).api);
  const url = new URL(request.url, document.baseURI);
  if (url.origin !== api.origin) return next(request);

  const assistant = inject(AssistantService);
  const note = (status: number): void => assistant.note(`${request.method} ${url.pathname}: ${status || 'no answer'}`);
  const send = (header: string): Observable<HttpEvent<unknown>> =>
    next(header ? request.clone({ setHeaders: { Authorization: header } }) : request).pipe(
      tap({
        next: (event) => void ('status' in event && note(event.status)),
        error: (error: unknown) => void (error instanceof HttpErrorResponse && note(error.status)),
      }),
    );

  return from(assistant.bearer()).pipe(
    switchMap((header) =>
      send(header).pipe(
        catchError((error: unknown) => {
          const refused = error instanceof HttpErrorResponse && error.status === 401;
          if (!refused || !header) return throwError(() => error);
          return from(assistant.bearer(header)).pipe(
            switchMap((renewed) => (renewed ? send(renewed) : throwError(() => error))),
          );
        }),
      ),
    ),
  );
};
