import { HttpErrorResponse, type HttpEvent, type HttpInterceptorFn, HttpResponse } from '@angular/common/http';
import { inject } from '@angular/core';
import { catchError, from, type Observable, switchMap, tap, throwError } from 'rxjs';
import { AssistantService } from './assistant.service';
import { remedyFor } from './challenge';
import { CONFIG } from './config';

/**
 * Gives the API's origin the token, and no other. A token that has expired is renewed before it is sent. Where the
 * API refuses a token, it is replaced as the answer says, and the request repeated once.
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
        next: (event) => void (event instanceof HttpResponse && note(event.status)),
        error: (error: unknown) => void (error instanceof HttpErrorResponse && note(error.status)),
      }),
    );

  const again = (error: unknown, refused: string): Observable<HttpEvent<unknown>> => {
    const remedy = error instanceof HttpErrorResponse && remedyFor(error.status, error.headers.get('WWW-Authenticate'));
    if (!remedy || !refused) return throwError(() => error);
    return from(assistant.bearerInstead(refused, remedy)).pipe(
      switchMap((header) => (header ? send(header) : throwError(() => error))),
    );
  };

  return from(assistant.bearer()).pipe(
    switchMap((header) => send(header).pipe(catchError((error: unknown) => again(error, header)))),
  );
};
