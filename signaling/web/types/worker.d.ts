// The little of a service worker that the page's uses. The library for all of it excludes the page's own.

export interface WindowClient { url: string; focus(): Promise<unknown> }

export interface WorkerScope {
  registration: { scope: string };
  clients: {
    matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<WindowClient[]>;
    openWindow(url: string): Promise<unknown>;
  };
  addEventListener(type: 'notificationclick', run: (event: NotificationClick) => void): void;
}

export interface NotificationClick {
  notification: { data: unknown; close(): void };
  waitUntil(done: Promise<unknown>): void;
}
