// The little of a service worker that the page's uses. The library for all of it excludes the page's own.

export interface WindowClient { url: string; focus(): Promise<unknown> }

export interface WorkerScope {
  registration: { scope: string };
  clients: {
    matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<WindowClient[]>;
    openWindow(url: string): Promise<unknown>;
    claim(): Promise<void>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate' | 'message', run: (event: Lasting) => void): void;
  addEventListener(type: 'fetch', run: (event: Fetched) => void): void;
  addEventListener(type: 'notificationclick', run: (event: NotificationClick) => void): void;
}

export interface Lasting { waitUntil(done: Promise<unknown>): void }

export interface Fetched { request: Request; respondWith(answer: Promise<Response>): void }

export interface NotificationClick extends Lasting { notification: { data: unknown; close(): void } }
